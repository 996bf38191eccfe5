# code.awk - sizes and banned functions. Reads C files; prints "path:line: what is wrong".

BEGIN {
    FILE_LINES_MAX = 800
    FUNCTION_LINES_MAX = 70
    banned["strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets"] = "a bounded one: snprintf, struct buf"
    banned["strtok strerror asctime ctime gmtime localtime rand srand random srandom"] = "a reentrant one"
    banned["atoi atol atoll atof"] = "one that reports what is no number"
    banned["system popen alloca tmpnam mktemp"] = "nothing: it has no safe use"
    banned["sleep usleep nanosleep"] = "a condition to wait for"
    # In src/ only, where memory is the arena's, a buf's, or xcalloc's.
    unchecked["malloc calloc realloc strdup strndup asprintf vasprintf"] = "xcalloc, xrealloc, xstrdup, struct buf, an arena"
    for (names in banned) add(names, banned[names], 0)
    for (names in unchecked) add(names, unchecked[names], 1)
}

function add(names, instead, is_src_only,    list, i, n) {
    n = split(names, list, " ")
    for (i = 1; i <= n; i++) {
        use[list[i]] = instead
        src_only[list[i]] = is_src_only
    }
}

function complain(line, what) { printf "%s:%d: %s\n", FILENAME, line, what }

function end_file() {
    if (lines > FILE_LINES_MAX)
        printf "%s:%d: the file has more than %d lines\n", last, lines, FILE_LINES_MAX
}

# The code of a line: without strings, characters and comments.
function code_of(line,    at) {
    gsub(/\\./, "", line)
    gsub(/"[^"]*"/, "\"\"", line)
    gsub(/'[^']*'/, "' '", line)
    if (in_comment) {
        at = index(line, "*/")
        if (!at)
            return ""
        line = substr(line, at + 2)
        in_comment = 0
    }
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", line)
    sub(/\/\/.*/, "", line)
    at = index(line, "/*")
    if (at) {
        line = substr(line, 1, at - 1)
        in_comment = 1
    }
    return line
}

function check_calls(code,    name) {
    while (match(code, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(code, RSTART, RLENGTH - 1)
        sub(/[ \t]+$/, "", name)
        code = substr(code, RSTART + RLENGTH)
        if ((name in use) && !(src_only[name] && !is_src))
            complain(FNR, name "() is banned; use " use[name])
    }
}

FNR == 1 {
    end_file()
    in_comment = 0
    start = 0
    is_src = FILENAME ~ /(^|\/)src\// && FILENAME !~ /src\/base\/attr\.c$/
}

{ last = FILENAME; lines = FNR }

/(TODO|FIXME|XXX)/ && !/(TODO|FIXME|XXX)\([a-z]/ { complain(FNR, "a TODO without an owner: TODO(name)") }

{ check_calls(code_of($0)) }

/^\{/ { start = FNR }
/^\}/ {
    if (start && FNR - start - 1 > FUNCTION_LINES_MAX)
        complain(start, "the function has " FNR - start - 1 " lines, more than " FUNCTION_LINES_MAX)
    start = 0
}

END { end_file() }
