// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * In place of libFuzzer, where there is none: runs a target over the files of
 * its corpus, or over those that are named.
 *
 *	PROGRAM [FILE|DIRECTORY...]
 *
 * What is wrong with an input ends the process; its name was printed before.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

#define INPUT_MAX	(1u << 20)

static unsigned int inputs;
static char now[4096];		/* for whoever looks at the core */

static void run_file(const char *path)
{
	u8 *buf = malloc(INPUT_MAX);
	FILE *f = fopen(path, "rb");
	size_t n;
	u8 *p;

	MUST(buf);
	if (!f) {
		perror(path);
		exit(1);
	}
	n = fread(buf, 1, INPUT_MAX, f);
	fclose(f);
	snprintf(now, sizeof(now), "%s", path);
	fprintf(stderr, "%s\n", now);
	p = fuzz_exact(buf, n);
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	free(buf);
	inputs++;
}

static void run(const char *path)
{
	char file[4096];
	struct dirent *e;
	struct stat st;
	DIR *dir;

	if (!stat(path, &st) && !S_ISDIR(st.st_mode)) {
		run_file(path);
		return;
	}
	dir = opendir(path);
	if (!dir) {
		perror(path);
		exit(1);
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		run_file(file);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 1)
		run(FUZZ_CORPUS "/" FUZZ_NAME);
	for (i = 1; i < argc; i++)
		run(argv[i]);
	if (!inputs) {
		printf("not ok fuzz_%s/corpus - no inputs\n", FUZZ_NAME);
		return 1;
	}
	printf("ok fuzz_%s/corpus\n", FUZZ_NAME);
	printf("fuzz_%s: %u inputs\n", FUZZ_NAME, inputs);
	return 0;
}
