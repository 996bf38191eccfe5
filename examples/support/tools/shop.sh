# For the other tools. Exit status 75 says "nothing was done, try again": so ends whoever finds the
# database in use for too long, or left in the middle of a change that only a writer can undo.
db=data/shop.db

ask() { # [OPTIONS...], SQL on stdin
  sqlite3 -safe -bail -batch -cmd '.timeout 15000' "$@" "$db" 2>/tmp/said && return
  cat /tmp/said >&2
  ! grep -qE 'database is locked|readonly database' /tmp/said || exit 75
  exit 1
}
