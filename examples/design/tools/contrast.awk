# Contrast of colours as WCAG 2 defines it. stdin: the background, then each other colour, a line
# each, as #rrggbb. Prints "colour contrast" for each of those.
function channel(colour, at,    high, low, value) {
    high = index("0123456789abcdef", substr(colour, at, 1)) - 1
    low = index("0123456789abcdef", substr(colour, at + 1, 1)) - 1
    value = (high * 16 + low) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ^ 2.4
}

function luminance(colour) {
    return 0.2126 * channel(colour, 2) + 0.7152 * channel(colour, 4) + 0.0722 * channel(colour, 6)
}

NR == 1 { background = luminance($1) }
NR > 1 {
    text = luminance($1)
    light = text > background ? text : background
    dark = text > background ? background : text
    printf "%s %.2f\n", $1, (light + 0.05) / (dark + 0.05)
}
