// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The siw command: finds the subcommand.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "siw.h"

static const char usage[] =
	"usage: siw run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"       siw help | version\n"
	"\n"
	"run   run a program that uses RDMA without RDMA hardware, kernel module\n"
	"      or privilege; \"siw run --help\" lists the options, see siw(1)\n";

void die(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("siw: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(status);
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";

	if (!strcmp(cmd, "run"))
		return siw_run(argc - 1, argv + 1);
	if (!strcmp(cmd, "help") || !strcmp(cmd, "--help") ||
	    !strcmp(cmd, "-h")) {
		fputs(usage, stdout);
		return 0;
	}
	if (!strcmp(cmd, "version") || !strcmp(cmd, "--version")) {
		puts("siw (SoftiWARP), siw ABI version 1");
		return 0;
	}
	if (*cmd)
		fprintf(stderr, "siw: no command '%s'\n", cmd);
	fputs(usage, stderr);
	return EXIT_USAGE;
}
