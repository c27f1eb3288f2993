# SPDX-License-Identifier: ISC
# The mutants of a C file, one a line, tab-separated: line, column, length and replacement of what
# is changed; then what is shown of it: function, line, change (and its number among the same of its
# line). Only functions are changed, as clang-format lays them out: no comments, strings,
# preprocessor lines, nor tables and types outside of functions.
#
#	== !=  && ||  + -  * /	the one for the other; so are ++ --, += -=, true false
#	< <=  > >=		the one for the other: what happens at the limit
#	%			becomes *
#	!			is dropped
#	an integer constant	becomes one more, and -1 becomes 0 (not where another is the same,
#				nor the { 0 } of an initializer, nor how large a local array is)
#	break continue return	are dropped, where they have no value

BEGIN {
	split("== != && || + - * / ++ -- += -= < <= > >=", pairs, " ")
	for (i = 1; pairs[i]; i += 2) {
		other[pairs[i]] = pairs[i + 1]
		other[pairs[i + 1]] = pairs[i]
	}
	other["%"] = "*"
	type = "^[ \t]*(static |const |unsigned |struct )*[a-z][a-z0-9_]* [^=(]*$"
}

# Returns the line, with what is in comments, strings and characters made "@".
function mask(line,    out, at, c, quote) {
	for (at = 1; at <= length(line); at++) {
		c = substr(line, at, 1)
		if (comment) {
			if (substr(line, at, 2) == "*/") {
				comment = 0
				out = out "@"
				at++
			}
			c = "@"
		} else if (quote) {
			if (c == "\\") {
				out = out "@"
				at++
			} else if (c == quote) {
				quote = ""
			}
			c = "@"
		} else if (c == "\"" || c == "'") {
			quote = c
			c = "@"
		} else if (substr(line, at, 2) == "/*") {
			comment = 1
			c = "@@"
			at++
		}
		out = out c
	}
	return out
}

function change(at, before, after,    shown) {
	shown = before (after == "" ? " dropped" : " -> " after)
	count[shown]++
	if (count[shown] > 1)
		shown = shown " " count[shown]
	text = $0
	sub(/^[ \t]+/, "", text)
	gsub(/\t/, " ", text)
	print FNR "\t" at "\t" length(before) "\t" after "\t" name "\t" text "\t" shown
}

# Changes the number at this place, where that makes sense.
function change_number(code, at, number,    digits, before, behind) {
	digits = number
	sub(/[uUlL]+$/, "", digits)
	before = substr(code, 1, at - 1)
	behind = substr(code, at + length(number))
	if (digits !~ /^[0-9]+$/ || (before ~ /\{ $/ && behind ~ /^ \}/))
		return
	# x < 2 became x <= 2 already, and x >= 2 x > 2.
	if (before ~ / (<|>=) $/ && behind ~ /^([);]| &&| \|\||$)/)
		return
	if (before ~ /\[$/ && code ~ type && code ~ /;$/)
		return
	change(at, number, sprintf("%.0f", digits + 1) substr(number, length(digits) + 1))
}

# Returns whether an operator stands between two operands: a space is on both sides of it.
function is_binary(code, at, size) {
	return substr(code, at - 1, 1) == " " && substr(code, at + size, 1) ~ /^ ?$/
}

# Changes what is at this place, and returns how long it is.
function visit(code, at,    rest, word, two) {
	rest = substr(code, at)
	if (match(rest, /^[A-Za-z_][A-Za-z0-9_]*/)) {
		word = substr(rest, 1, RLENGTH)
		if (word == "true" || word == "false")
			change(at, word, word == "true" ? "false" : "true")
		else if (word ~ /^(break|continue|return)$/ &&
		    substr(rest, length(word) + 1, 1) == ";")
			change(at, word, "")
		return length(word)
	}
	if (match(rest, /^[0-9][0-9A-Za-z.]*/)) {
		word = substr(rest, 1, RLENGTH)
		change_number(code, at, word)
		return length(word)
	}
	if (rest ~ /^-1([^0-9A-Za-z.]|$)/ && substr(code, at - 1, 1) != "-") {
		change(at, "-1", "0")
		return 2
	}
	two = substr(rest, 1, 2)
	if (two in other) {
		change(at, two, other[two])
		return 2
	}
	if (two ~ /^(->|<<|>>|[*\/%&|^]=)$/)
		return 2
	word = substr(rest, 1, 1)
	if (word == "!")
		change(at, word, "")
	else if (word in other && is_binary(code, at, 1))
		change(at, word, other[word])
	return 1
}

{ code = mask($0) }
directive || /^#/ { directive = /\\$/; next }
/^[A-Za-z].*\(/ {
	name = code
	sub(/__attribute__\(\(.*\)\) */, "", name)
	sub(/\(.*/, "", name)
	sub(/.*[ *]/, "", name)
}
/^\{/ { inside = 1 }
/^\}/ { inside = 0 }
inside {
	split("", count)
	for (at = 1; at <= length(code); at += visit(code, at))
		;
}
