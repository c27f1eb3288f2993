/* SPDX-License-Identifier: ISC */
/* A service that says that it is up, one byte to descriptor 3, and then waits to be ended. With
 * BENCH_LINE in its environment it prints a line before. */
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	static const char line[] = "{\"level\":\"info\",\"msg\":\"up and running\"}\n";

	if (getenv("BENCH_LINE") && write(STDOUT_FILENO, line, sizeof line - 1) < 0)
		return 3;
	if (write(3, "u", 1) != 1)
		return 3;
	for (;;)
		pause();
}
