# For the other tools.
db=data/shop.db

if [ ! -f "$db" ]; then
  echo "there is no $db; examples/migration/setup makes it" >&2
  exit 1
fi

# Where the session's backup is; its name says whose it is.
backup=data/before-$PAWL_SESSION.db

# -safe: no file but this one, no program. Others may be at work: they are waited for.
ask() { # DATABASE, [OPTIONS...], SQL on stdin
  file=$1
  shift
  sqlite3 -safe -bail -batch -cmd '.timeout 10000' "$@" "$file" 2>&1
}

# "customer 200" for each table.
count_rows() { # DATABASE
  ask "$1" -readonly <<'SQL' | ask "$1" -readonly -separator ' '
SELECT group_concat(format('SELECT %Q, count(*) FROM "%w"', name, name), ' UNION ALL ') || ' ORDER BY 1;'
FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('migration') AND name NOT LIKE 'sqlite~_%' ESCAPE '~';
SQL
}

# A step's SQL without words that would end its transaction.
check_sql() { # SQL
  if printf '%s\n' "$1" | grep -qiwE 'begin|commit|rollback|savepoint|release|attach|vacuum|pragma' ||
    printf '%s\n' "$1" | grep -qiE '(^|;)[[:space:]]*(end|\.)'; then
    echo 'a step is one transaction and may not begin or end one; it has no pragmas and no dot commands' >&2
    exit 1
  fi
}

# The step and the note that it was done, together or not at all.
apply() { # DATABASE, NAME, SQL
  {
    echo 'BEGIN IMMEDIATE;'
    printf '%s\n;\n' "$3"
    echo 'CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, sql TEXT NOT NULL);'
    printf "INSERT INTO migration VALUES ('%s', '%s');\n" "$2" "$(printf '%s' "$3" | sed "s/'/''/g")"
    echo 'COMMIT;'
  } | ask "$1"
}
