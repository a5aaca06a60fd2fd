// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The first inputs of a corpus, made of the golden frames of tests/vectors:
 *
 *	fuzz_seeds DIRECTORY
 *
 * writes DIRECTORY/TARGET/NAME. The layouts of inputs are those that the targets
 * describe.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../unit/vectors.h"

static const char *top;
static u8 out[4096];
static u32 len;

static void put(const void *p, u32 n)
{
	memcpy(out + len, p, n);
	len += n;
}

static void put_vector(const char *name)
{
	len += vector_get(name, out + len);
}

static void save(const char *target, const char *name)
{
	char path[4096];
	FILE *f;

	mkdir(top, 0755);
	snprintf(path, sizeof(path), "%s/%s", top, target);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", top, target, name);
	f = fopen(path, "wb");
	if (!f || fwrite(out, 1, len, f) != len || fclose(f)) {
		perror(path);
		exit(1);
	}
	len = 0;
}

/* A Send of @n octets, too long to stand between two markers. */
static void put_send(u32 n)
{
	u8 *p = out + len;

	memset(p, 0, n + 32);
	put16(p, 18 + n);
	p[2] = 0x41;
	p[3] = 0x43;
	put32(p + 12, 1);
	len += fpdu_octets(p);
}

/* A segment of a Read Response to what fuzz_rx.c has asked for. */
static void put_response(u8 last, u32 stag, u32 to, u32 n)
{
	u8 *p = out + len;

	memset(p, (int)n, n + 32);
	put16(p, 14 + n);
	p[2] = (u8)(0x81 | last);
	p[3] = 0x42;
	put32(p + 4, stag);
	put64(p + 8, to);
	len += fpdu_octets(p);
}

/* Every golden FPDU in every mode, and some in a row. */
static void rx(void)
{
	static const char *const rows[][6] = {
		{ "G10", "G14", "G15", "G16" },
		{ "G16", "G14", "G17", "G20" },
		{ "G12", "G14", "G15", "G21" },
		{ "G14", "G33", "G30", "G31" },
		{ "G13", "G13", "G22" },
		{ "G33", "G16", "G34", "G30", "G31", "G32" },
		{ "G32", "G35", "G16", "G33", "G36" },
	};
	/* flags, spoil, refuse, ird, receives, Reads, cuts */
	u8 head[] = { 0, 0, 0, 4, 8, 100, 130, 0, 64, 0, 0, 0, 0, 0, 0 };
	char name[64];
	u32 i, k;

	for (i = 0; i < VECTOR_CNT; i++) {
		if (vectors[i].name[0] != 'G' || vectors[i].name[1] == '0')
			continue;
		put(head, sizeof(head));
		put_vector(vectors[i].name);
		save("rx", vectors[i].name);
	}
	for (i = 0; i < 8; i++) {
		head[0] = (u8)(4 | (i & 3) << 1 | (i & 4 ? 0x48 : 0));
		head[1] = 1;
		head[4] = 130;
		put(head, sizeof(head));
		put_send(700);
		snprintf(name, sizeof(name), "long%u", i);
		save("rx", name);
	}
	head[1] = 0;
	head[4] = 8;
	for (i = 0; i < 8; i++) {
		head[0] = (u8)i;
		head[7] = 20;
		put(head, sizeof(head));
		put_response(0, 0x100, 0x2000, 12);
		put_vector("G14");
		put_response(0x40, 0x100, 0x200c, 8);
		put_response(0x40, 0x101, 0x2040, 64);
		snprintf(name, sizeof(name), "response%u", i);
		save("rx", name);
	}
	head[7] = 0;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (head[0] = 0; head[0] < 0x20; head[0] += 5) {
			head[9] = (u8)(i + 1);
			head[10] = (u8)(3 * head[0]);
			head[7] = i > 4 ? 254 : 0;
			head[0] |= i > 4 ? 0x80 : 0;
			put(head, sizeof(head));
			for (k = 0; k < 6 && rows[i][k]; k++)
				put_vector(rows[i][k]);
			snprintf(name, sizeof(name), "row%u-%02x", i, head[0]);
			save("rx", name);
			head[0] &= 0x7f;
		}
	}
}

static void mpa(void)
{
	u8 policies[22];
	char name[64];
	u32 i, k;

	for (i = 1; i <= 6; i++)
		for (k = 0; k < 4; k++) {
			memset(policies, 16, sizeof(policies));
			policies[1] = (u8)(k & 1 ? 0x11 : 0);
			policies[12] = (u8)(k & 2 ? 0x13 : 1);
			put(policies, sizeof(policies));
			snprintf(name, sizeof(name), "G0%u", i);
			put_vector(name);
			snprintf(name, sizeof(name), "G0%u-%u", i, k);
			save("mpa", name);
		}
}

static void term(void)
{
	static const char *const sent[] = { "G20", "G21", "G22", "G23", "G24" };
	static const char *const about[] = { "G16", "G17", "G14" };
	u8 head[4] = { 0, 0, 100, 48 }, frame[VECTOR_MAX] = { 0 };
	char name[64];
	u32 i, n;

	for (i = 0; i < 60; i++) {
		head[0] = (u8)i;
		put(head, sizeof(head));
		memset(frame, 0, sizeof(frame));
		vector_get(about[i % 3], frame);
		put(frame, 48);
		n = vector_get(sent[i % 5], frame);
		put(frame + 20, n - 24);
		snprintf(name, sizeof(name), "error%u", i);
		save("term", name);
	}
}

/* Posts of all kinds at both ends, sent whole, cut, or with a bit flipped. */
static void pair(void)
{
	u8 head[6] = { 0, 0, 1, 0, 3, 3 };
	u8 ops[] = {
		0x00, 0, 0, 40, 0x00, 2, 0, 30, 0x00, 1, 0, 64, 0x80, 3, 0, 9,
		0x00, 0x42, 3, 100, 0x80, 0x40, 4, 1, 0x00, 5, 0, 8,
		0x04, 0x84, 0x82, 0x02, 0x03, 60, 0x81, 17, 0x04, 0x81, 90,
		0x85, 0, 20, 3, 0x82, 0x84, 0x02,
	};
	char name[64];
	u32 i;

	for (i = 0; i < 24; i++) {
		head[0] = (u8)i;
		head[1] = (u8)(i % 7);
		ops[1] = (u8)(i % 9);
		ops[5] = (u8)(i & 8 ? 0x82 : 2);
		put(head, sizeof(head));
		/* without the flip, every other one */
		put(ops, i & 1 ? sizeof(ops) : sizeof(ops) - 7);
		snprintf(name, sizeof(name), "mode%u", i);
		save("pair", name);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	top = argv[1];
	rx();
	mpa();
	term();
	pair();
	return 0;
}
