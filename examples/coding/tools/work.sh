# For the other tools: goes into the session's copy of project/, which the first of them makes.
# Several may run at once, so the copy is made aside, and the first to move it into place wins.
work=$PAWL_SCRATCH/project
if [ ! -d "$work" ]; then
  copy=$(mktemp -d "$PAWL_SCRATCH/copy.XXXXXX")
  cp -R project/. "$copy"
  mv -T "$copy" "$work" 2>/dev/null || rm -rf "$copy"
fi
cd "$work"
