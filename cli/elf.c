// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Can a program be given a library by LD_PRELOAD? Not if it is linked
 * statically, made for another kind of machine, or gets more rights than its
 * user has. Of a script the interpreter counts.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "siw.h"

#define SCRIPT_DEPTH	4	/* as the kernel */

static const char *rights_problem(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return NULL;
	if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
		return "it is set-user-ID and ignores LD_PRELOAD; run a copy without that bit";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    st.st_gid != getgid())
		return "it is set-group-ID and ignores LD_PRELOAD; run a copy without that bit";
	if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
		return "it has file capabilities and ignores LD_PRELOAD; run a copy without them";
	return NULL;
}

/* The program headers say whether there is a dynamic linker. */
static const char *elf_problem(int fd, const Elf64_Ehdr *hdr)
{
	Elf64_Phdr ph;
	int i;

	if (hdr->e_ident[EI_CLASS] != ELFCLASS64)
		return "it is a 32-bit program, and libusiw.so is not";
	for (i = 0; i < hdr->e_phnum; i++) {
		off_t off = (off_t)(hdr->e_phoff +
				    (Elf64_Off)i * hdr->e_phentsize);

		if (pread(fd, &ph, sizeof(ph), off) != sizeof(ph))
			return "it is damaged";
		if (ph.p_type == PT_INTERP)
			return NULL;
	}
	return "it is linked statically, so no library can be put before it";
}

/* The interpreter of the script that @head begins; NULL if it is none. */
static char *interpreter(char *head)
{
	char *p;

	if (head[0] != '#' || head[1] != '!')
		return NULL;
	p = head + 2 + strspn(head + 2, " \t");
	p[strcspn(p, " \t\r\n")] = '\0';
	return *p ? p : NULL;
}

static const char *problem(const char *path, int depth)
{
	union {
		Elf64_Ehdr hdr;
		char text[256];
	} head = { .text = "" };
	const char *why = rights_problem(path);
	char *interp;
	int fd;

	if (why)
		return why;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)	/* may be executable without being readable */
		return NULL;
	if (read(fd, head.text, sizeof(head.text) - 1) < 4)
		why = "it is too short for a program";
	else if (!memcmp(head.text, ELFMAG, SELFMAG))
		why = elf_problem(fd, &head.hdr);
	close(fd);
	interp = interpreter(head.text);
	if (interp && depth < SCRIPT_DEPTH)
		return problem(interp, depth + 1);
	return why;
}

const char *siw_preload_problem(const char *path)
{
	return problem(path, 0);
}
