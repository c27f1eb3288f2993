# SPDX-License-Identifier: ISC
# Makes an SVG of what a program wrote to a terminal of so many columns (-v columns=116): printable ASCII, newlines, and the
# escape sequences of colours (CSI n m). Called by docs/screen.
BEGIN {
	split("31 #ff7b72 32 #7ee787 33 #f2cc60 35 #d2a8ff 36 #56d4dd 94 #79c0ff 95 #f0a6e8 96 #b3f0ff", list, " ")
	for (i = 1; i in list; i += 2)
		colour[list[i]] = list[i + 1]
	width = 7.8
	height = 18
}

# put TEXT: adds it to the line, in the colour that holds.
function put(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	line = line (fill ? "<tspan fill=\"" fill "\">" text "</tspan>" : text)
}

function end_line() {
	if (column > 0)
		body = body sprintf("<text x=\"12\" y=\"%d\" textLength=\"%.1f\">%s</text>\n", 12 + height * (lines + 0.7), width * column, line)
	lines++
	line = ""
	column = 0
}

{
	sub(/\r$/, "")
	for (rest = $0; rest != ""; rest = substr(rest, len + 1)) {
		if (match(rest, /^\033\[[0-9]*m/)) {
			len = RLENGTH
			fill = colour[substr(rest, 3, len - 3)]
			continue
		}
		if (column == columns)
			end_line()
		len = index(rest, "\033") - 1
		if (len < 0)
			len = length(rest)
		if (len > columns - column)
			len = columns - column
		put(substr(rest, 1, len))
		column += len
	}
	end_line()
}

END {
	w = 24 + width * columns
	h = 24 + height * lines
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" w "\" height=\"" h "\" viewBox=\"0 0 " w " " h "\">"
	print "<title>A terminal on which dinit runs</title>"
	print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b2733\"/>"
	print "<g font-family=\"DejaVu Sans Mono,Liberation Mono,Menlo,Consolas,monospace\" font-size=\"13\" fill=\"#d5dde5\" xml:space=\"preserve\">"
	printf "%s", body
	print "</g>"
	print "</svg>"
}
