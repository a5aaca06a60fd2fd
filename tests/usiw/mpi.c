// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Two processes of MPI send each other messages of many sizes, short ones and
 * such as go by rendezvous, and look at every octet. Says by which transport.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX	(1 << 22)
#define ROUNDS	20

static unsigned char out[MAX], in[MAX];

static void fill(unsigned char *p, int len, int seed)
{
	int i;

	for (i = 0; i < len; i++)
		p[i] = (unsigned char)(seed + i * 7 + (i >> 8));
}

static int same(const unsigned char *p, int len, int seed)
{
	int i;

	for (i = 0; i < len; i++)
		if (p[i] != (unsigned char)(seed + i * 7 + (i >> 8)))
			return 0;
	return 1;
}

static void exchange(int rank, int len, int seed)
{
	MPI_Status st;
	int n;

	fill(out, len, seed + rank);
	if (!rank)
		MPI_Send(out, len, MPI_BYTE, 1, seed, MPI_COMM_WORLD);
	MPI_Recv(in, len, MPI_BYTE, !rank, seed, MPI_COMM_WORLD, &st);
	if (rank)
		MPI_Send(out, len, MPI_BYTE, 0, seed, MPI_COMM_WORLD);
	MPI_Get_count(&st, MPI_BYTE, &n);
	if (n == len && same(in, len, seed + !rank))
		return;
	printf("rank %d: wrong data, %d octets of %d\n", rank, n, len);
	MPI_Abort(MPI_COMM_WORLD, 1);
}

int main(int argc, char **argv)
{
	int rank, size, len, i;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	if (size != 2)
		MPI_Abort(MPI_COMM_WORLD, 1);
	for (len = 0; len <= MAX; len = len ? len * 4 : 1)
		for (i = 0; i < ROUNDS; i++)
			exchange(rank, len, i);
	if (!rank)
		puts("all data is right");
	MPI_Finalize();
	return 0;
}
