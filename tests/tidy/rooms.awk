# rooms.awk - which room may include which, and which library belongs to which room.
# Reads C files under src/ named on the command line; prints "path:line: what is wrong".

BEGIN {
    rooms = "base core loop net store auth queue model tool webhook config engine api cli"
    may["base"] = "base"
    may["core"] = "core base"
    may["loop"] = "loop base"
    may["net"] = "net base loop"
    may["store"] = "store base core loop"
    may["auth"] = "auth base store loop"
    may["queue"] = "queue base loop" # and store/store.h, below
    may["model"] = "model base core loop net"
    may["tool"] = "tool base loop net"
    may["webhook"] = "webhook base core loop net store"
    may["config"] = "config base core"
    may["engine"] = "engine base core loop net store auth queue model tool webhook config"
    may["api"] = "api " may["engine"]
    may["cli"] = "cli " may["api"]

    library["jansson.h"] = library["nettle/"] = "base"
    library["glib"] = "base"
    library["uv.h"] = "loop"
    library["curl/"] = library["microhttpd.h"] = "net"
    library["sqlite3.h"] = library["libpq-fe.h"] = "store"
    library["hiredis/"] = "store queue"
    library["amqp"] = library["rabbitmq-c/"] = "queue"
    library["yaml.h"] = "config"
    library["seccomp.h"] = "tool"
}

function has(list, word) { return index(" " list " ", " " word " ") > 0 }

function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what }

# A header that calls itself "For <room>/ only." is no business of the others.
function is_private(header, room,    line, found) {
    if (header in private)
        return private[header] != "" && private[header] != room
    private[header] = ""
    for (found = 0; found < 12 && (getline line < (root "/src/" header)) > 0; found++)
        if (match(line, /For [a-z]+\/ only\./))
            private[header] = substr(line, RSTART + 4, RLENGTH - 11)
    close(root "/src/" header)
    return private[header] != "" && private[header] != room
}

function check_own(header,    to) {
    to = header
    sub(/\/.*/, "", to)
    if (header !~ /^[a-z]+\/[a-z0-9_]+\.h$/ || !has(rooms, to))
        complain("\"" header "\": own headers are included as \"room/file.h\"")
    else if (!has(may[room], to) && !(room == "queue" && header == "store/store.h"))
        complain(room " may not include " to " (" header ")")
    else if (is_private(header, room))
        complain(header " is for " to "/ only")
    else if (header == "base/log.h" && !has("base engine api cli", room))
        complain("libraries do not log: the error goes up, and stops in engine or above")
}

function check_library(header,    name) {
    for (name in library)
        if (index(header, name) == 1 && !has(library[name], room))
            complain("<" header "> belongs to " library[name])
}

FNR == 1 {
    room = FILENAME
    sub(/^.*src\//, "", room)
    sub(/\/.*/, "", room)
}

/^[ \t]*#[ \t]*include[ \t]*"/ { split($0, part, "\""); check_own(part[2]) }
/^[ \t]*#[ \t]*include[ \t]*</ { split($0, part, /[<>]/); check_library(part[2]) }
