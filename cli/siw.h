/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The siw command: subcommands, and what they share.
 */
#ifndef SIW_CLI_SIW_H
#define SIW_CLI_SIW_H

#define EXIT_USAGE	2
#define EXIT_CANNOT	126	/* as a shell: found, but cannot be run */
#define EXIT_NOT_FOUND	127

/* "siw: " and why on stderr; ends with @status. */
void die(int status, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/**
 * siw_run() - siw run [OPTION...] [--] PROGRAM [ARGUMENT...]
 * @argc: number of arguments, "run" included
 * @argv: the arguments
 *
 * Return: an exit status; does not return if the program runs.
 */
int siw_run(int argc, char **argv);

/**
 * siw_preload_problem() - would the dynamic linker ignore LD_PRELOAD?
 * @path: of the program
 *
 * Return: NULL if it would not, or why; a constant string.
 */
const char *siw_preload_problem(const char *path);

#endif
