/* SPDX-License-Identifier: ISC */
/* Owns the page for people: its HTML, and how it looks; not its words (cells.h). Invariant:
 * what others chose, such as names and reasons, is only ever text in it, and a browser fetches
 * nothing else for it. */
#include "client/page.h"

#include "client/cells.h"

#include <string.h>

/* Each state has a class, named like its word, that gives it a colour; the word is always shown,
 * too. Text and background have the browser's own colours, light or dark; printed, they are light.
 * On a narrow screen a row becomes a block: its name and state, its numbers with their labels, its
 * reason. */
static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<meta http-equiv=\"refresh\" content=\"5\">\n"
	"<link rel=\"icon\" href=\"data:,\">\n"
	"<style>\n"
	":root{color-scheme:light dark}\n"
	"body{max-width:72rem;margin:2.5rem auto;padding:0 1.5rem;overflow-wrap:anywhere;\n"
	"font:1rem/1.5 system-ui,sans-serif}\n"
	"header{margin-bottom:2rem;padding-left:1rem;border-left:.3rem solid}\n"
	"h1,p{margin:0;color:CanvasText}\n"
	"h1{font-size:1.5rem;line-height:1.3}\n"
	"h1::first-letter{text-transform:uppercase}\n"
	"table{width:100%;border-collapse:collapse}\n"
	"caption{padding-bottom:.5rem}\n"
	"th,caption{text-align:left}\n"
	"tr{border-bottom:1px solid #8884;vertical-align:top;break-inside:avoid}\n"
	"th,td{padding:.6rem 1.5rem .6rem 0}\n"
	"tbody th,td:last-child{min-width:9rem}\n"
	"td:last-child{padding-right:0}\n"
	"thead,td[class],[data-label]{white-space:nowrap}\n"
	"th:nth-child(n+3):not(:last-child),[data-label]{text-align:right;\n"
	"font-variant-numeric:tabular-nums}\n"
	"thead,[data-label]::before{font-size:.75rem}\n"
	"td[class]::before{display:inline-block;margin-right:.5em;border:.3em solid;\n"
	"border-radius:50%;content:''}\n"
	".ready{color:light-dark(#1a7f37,#3fb950)}\n"
	".starting,.stopping,.delaying,.finishing{color:light-dark(#8a5d00,#d29922)}\n"
	".running,.unready,.ended{color:light-dark(#c9202b,#ff7b72)}\n"
	".disabled,.down,.skipped,caption,thead,[data-label]::before{\n"
	"color:light-dark(#59636e,#9ea5ae)}\n"
	"@media screen and (max-width:56rem){\n"
	"table,tbody,caption{display:block}\n"
	"tr{display:flex;flex-wrap:wrap;gap:.5rem;padding:1rem 0}\n"
	"th,td{padding:0}\n"
	"th{flex:1 0 55%}\n"
	"td[class]{flex:1 0 40%;text-align:right}\n"
	"[data-label]{flex:1 0 3.5rem;text-align:left}\n"
	"[data-label]::before{display:block;content:attr(data-label)}\n"
	"td:last-child{flex-basis:100%}\n"
	"thead,td:empty{display:none}}\n"
	"</style>\n";

/* Prints the text so that none of it is markup. */
static void print_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (strchr("&<>\"'", *text))
			fprintf(to, "&#%d;", *text);
		else
			fputc(*text, to);
	}
}

/* Prints the text as a paragraph, if there is one. */
static void print_paragraph(FILE *to, const char *text)
{
	if (*text)
		fprintf(to, "<p>%s</p>\n", text);
}

/* Prints the state of dinit as a whole, in the title and above the table. */
static void print_whole(FILE *to, const struct snapshot *snapshot)
{
	const struct board_header *header = &snapshot->header;
	char brief[CELLS_BRIEF_SIZE], stopped[CELLS_BRIEF_SIZE], sentence[CELLS_WHOLE_SIZE];

	cells_describe_briefly(brief, snapshot);
	cells_describe_whole(sentence, snapshot, false);
	cells_describe_stopped(stopped, snapshot);
	fprintf(to,
		"<title>dinit: %s</title>\n</head>\n<body>\n<header class=\"%s\">\n"
		"<h1>%s</h1>\n",
		brief, header->ready ? "ready" : view_whole_word(header->state), brief);
	print_paragraph(to, stopped);
	fputs("<p role=\"status\">", to);
	print_text(to, sentence);
	fputs("</p>\n</header>\n", to);
}

static void print_row(FILE *to, const struct view_service *service, const struct usage *usage)
{
	struct cells cells;

	cells_fill(&cells, service, usage);
	fputs("<tr>\n<th scope=\"row\">", to);
	print_text(to, service->name);
	fprintf(to, "</th>\n<td class=\"%s\">%s", cells.texts[CELLS_STATE],
		cells.texts[CELLS_STATE]);
	for (size_t i = CELLS_PID; i < CELLS_COLUMNS; i++)
		fprintf(to, "</td>\n<td data-label=\"%s\">%s", cells_head()->texts[i],
			cells.texts[i]);
	fputs("</td>\n<td>", to);
	print_text(to, service->reason);
	fputs("</td>\n</tr>\n", to);
}

static void print_table(FILE *to, const struct snapshot *snapshot, const struct usage *usages)
{
	fputs("<table>\n<caption>Services and adopted processes</caption>\n<thead>\n<tr>\n"
	      "<th scope=\"col\">NAME",
	      to);
	for (size_t i = 0; i < CELLS_COLUMNS; i++)
		fprintf(to, "</th>\n<th scope=\"col\">%s", cells_head()->texts[i]);
	fputs("</th>\n<th scope=\"col\">REASON</th>\n</tr>\n</thead>\n<tbody>\n", to);
	for (size_t i = 0; i < snapshot->len; i++)
		print_row(to, &snapshot->list[i], usages ? &usages[i] : NULL);
	fputs("</tbody>\n</table>\n", to);
}

void page_print(FILE *to, const struct snapshot *snapshot, const struct usage *usages)
{
	char unlisted[CELLS_BRIEF_SIZE];

	fputs(head, to);
	print_whole(to, snapshot);
	if (snapshot->len > 0)
		print_table(to, snapshot, usages);
	cells_describe_unlisted(unlisted, snapshot);
	print_paragraph(to, unlisted);
	fputs("</body>\n</html>\n", to);
}
