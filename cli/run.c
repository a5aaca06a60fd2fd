// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * siw run: put libusiw.so before a program and become it. What the options say
 * goes by the environment, so that the program's children are run likewise.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "siw.h"

static const char help[] =
	"usage: siw run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"\n"
	"Runs a program that uses libibverbs or librdmacm over plain TCP sockets.\n"
	"\n"
	"  --crc              ask for a CRC in every FPDU\n"
	"  --markers          ask for markers in what is received\n"
	"  --mpa-rev=1|2      MPA revision to connect with (2)\n"
	"  --no-peer-to-peer  connect without the set-up of RFC 6581\n"
	"  --rtr-mask=1..7    RTR messages: 1 Send, 2 Write, 4 Read (7)\n"
	"  --port-offset=N    added to every TCP port on the wire (0)\n"
	"  --ext              immediate data and atomics, RFC 7306; both ends need it\n"
	"  --threads=1..16    threads that look after connections (1)\n"
	"  --library=FILE     libusiw.so to use\n"
	"  -v, --verbose      say more about connections\n"
	"  -q, --quiet        say nothing\n"
	"  -h, --help         this text\n";

enum {
	OPT_CRC = 256, OPT_MARKERS, OPT_REV, OPT_NO_P2P, OPT_RTR, OPT_OFFSET,
	OPT_EXT, OPT_THREADS, OPT_LIBRARY
};

static const struct option options[] = {
	{ "crc", no_argument, NULL, OPT_CRC },
	{ "markers", no_argument, NULL, OPT_MARKERS },
	{ "mpa-rev", required_argument, NULL, OPT_REV },
	{ "no-peer-to-peer", no_argument, NULL, OPT_NO_P2P },
	{ "rtr-mask", required_argument, NULL, OPT_RTR },
	{ "port-offset", required_argument, NULL, OPT_OFFSET },
	{ "ext", no_argument, NULL, OPT_EXT },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "library", required_argument, NULL, OPT_LIBRARY },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1))
		die(EXIT_FAILURE, "cannot set %s: %s", name, strerror(errno));
}

static void set_number(const char *name, const char *text, long min, long max)
{
	char *end;
	long val = strtol(text, &end, 0);

	if (!*text || *end || val < min || val > max)
		die(EXIT_USAGE, "'%s' is not a number from %ld to %ld", text,
		    min, max);
	set(name, text);
}

/* Return: the library named by an option, or NULL. */
static const char *parse(int argc, char **argv)
{
	const char *library = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "+vqh", options, NULL)) != -1) {
		switch (opt) {
		case OPT_CRC:
			set("SIW_CRC", "1");
			break;
		case OPT_MARKERS:
			set("SIW_MARKERS", "1");
			break;
		case OPT_REV:
			set_number("SIW_MPA_REV", optarg, 1, 2);
			break;
		case OPT_NO_P2P:
			set("SIW_PEER_TO_PEER", "0");
			break;
		case OPT_RTR:
			set_number("SIW_RTR_MASK", optarg, 1, 7);
			break;
		case OPT_OFFSET:
			set_number("SIW_PORT_OFFSET", optarg, 0, 65535);
			break;
		case OPT_EXT:
			set("SIW_EXT", "1");
			break;
		case OPT_THREADS:
			set_number("SIW_ENGINE_THREADS", optarg, 1, 16);
			break;
		case OPT_LIBRARY:
			library = optarg;
			break;
		case 'v':
			set("SIW_VERBOSE", "2");
			break;
		case 'q':
			set("SIW_VERBOSE", "0");
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			fputs("siw: try siw run --help\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	return library;
}

/* The library of the prefix that this command was installed in. */
static void find_library(char *path)
{
	static const char *const places[] = {
		"../lib/libusiw.so", "../lib/siw/libusiw.so",
		"../lib64/libusiw.so",
	};
	char self[PATH_MAX], try[PATH_MAX + 32], *slash;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	self[len < 0 ? 0 : len] = '\0';
	slash = strrchr(self, '/');
	for (i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		slash[1] = '\0';
		snprintf(try, sizeof(try), "%s%s", self, places[i]);
		if (realpath(try, path))
			return;
	}
	path[0] = '\0';
}

static void preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char path[PATH_MAX], *list;

	if (library && !realpath(library, path))
		die(EXIT_FAILURE, "cannot find the library %s: %s", library,
		    strerror(errno));
	if (!library)
		find_library(path);
	if (!*path)
		die(EXIT_FAILURE, "cannot find libusiw.so near this command; name it with --library=FILE");
	if (strpbrk(path, ": "))
		die(EXIT_FAILURE, "LD_PRELOAD cannot name %s: it has a space or colon in it",
		    path);
	if (access(path, R_OK))
		die(EXIT_FAILURE, "cannot read %s: %s", path, strerror(errno));
	if (asprintf(&list, "%s%s%s", path, old && *old ? ":" : "",
		     old ? old : "") < 0)
		die(EXIT_FAILURE, "no memory");
	set("LD_PRELOAD", list);
	free(list);
}

/* Where execvp() would find @name; empty if nowhere. */
static void find_program(const char *name, char *path, size_t size)
{
	const char *p = getenv("PATH");
	size_t len;

	if (strchr(name, '/')) {
		snprintf(path, size, "%s", name);
		return;
	}
	for (p = p ? p : "/bin:/usr/bin"; ; p += len + 1) {
		len = strcspn(p, ":");
		snprintf(path, size, "%.*s%s%s", (int)len, p, len ? "/" : "./",
			 name);
		if (!access(path, X_OK))
			return;
		if (!p[len])
			break;
	}
	path[0] = '\0';
}

int siw_run(int argc, char **argv)
{
	const char *library = parse(argc, argv), *why;
	char path[PATH_MAX];

	argv += optind;
	if (!*argv)
		die(EXIT_USAGE, "which program? Try siw run --help");
	find_program(*argv, path, sizeof(path));
	if (!*path || access(path, F_OK))
		die(EXIT_NOT_FOUND, "%s: not found", *argv);
	why = siw_preload_problem(path);
	if (why)
		die(EXIT_CANNOT, "cannot run %s: %s", path, why);
	preload(library);
	execv(path, argv);
	die(EXIT_CANNOT, "cannot run %s: %s", path, strerror(errno));
}
