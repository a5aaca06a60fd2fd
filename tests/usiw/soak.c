// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * soak server|client CYCLES: a process that lives through many peers which
 * connect, transfer and are killed. In the end it has as many descriptors and
 * threads, and as much memory in use, as after the first of them.
 *
 * Peers are made by a process that forked off before any RDMA file was open
 * here; they ask (or answer) without end. Most are killed behind a random number
 * of messages, every fourth one after a random time, whatever it does then.
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#include "need.h"
#include "usage.h"

#define LEN		4096
#define WARM_UP		50		/* cycles */
#define EARLY_US	4000		/* to be killed at any moment before */

struct end {
	struct rdma_cm_id *id;
	struct ibv_mr *mr;
	char buf[2 * LEN];		/* to send, received */
};

static struct ibv_qp_init_attr qp_attr(void)
{
	return (struct ibv_qp_init_attr) {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.sq_sig_all = 1,
	};
}

static struct rdma_cm_id *new_ep(uint16_t port, int flags)
{
	struct rdma_addrinfo hints = { .ai_port_space = RDMA_PS_TCP,
				       .ai_flags = flags }, *ai;
	struct ibv_qp_init_attr attr = qp_attr();
	struct rdma_cm_id *id;
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	NEED(!rdma_getaddrinfo("127.0.0.1", text, &hints, &ai));
	NEED(!rdma_create_ep(&id, ai, NULL, &attr));
	rdma_freeaddrinfo(ai);
	return id;
}

static int post(struct end *e)
{
	return rdma_post_recv(e->id, NULL, e->buf + LEN, LEN, e->mr);
}

static void prepare(struct end *e)
{
	e->mr = rdma_reg_msgs(e->id, e->buf, sizeof(e->buf));
	NEED(e->mr && !post(e));
}

static int put(struct end *e)
{
	struct ibv_wc wc;

	return !rdma_post_send(e->id, NULL, e->buf, LEN, e->mr, 0) &&
	       rdma_get_send_comp(e->id, &wc) == 1 && !wc.status;
}

static int get(struct end *e)
{
	struct ibv_wc wc;

	return rdma_get_recv_comp(e->id, &wc) == 1 && !wc.status && !post(e);
}

static void done_with(struct end *e)
{
	NEED(!rdma_dereg_mr(e->mr));
	rdma_destroy_ep(e->id);
}

/* --- peers, to be killed ----------------------------------------------------- */

static void count_down(uint32_t *left)
{
	if (!(*left)--)
		raise(SIGKILL);
}

static void ask_for_ever(uint16_t port, uint32_t left)
{
	static struct end e;

	e.id = new_ep(port, 0);
	prepare(&e);
	if (rdma_connect(e.id, NULL))
		_exit(2);
	for (;;) {
		count_down(&left);
		if (!put(&e) || !get(&e))
			_exit(2);
	}
}

static void answer_for_ever(int fd, uint32_t left)
{
	struct rdma_cm_id *l = new_ep(0, RAI_PASSIVE);
	static struct end e;
	uint16_t port;

	NEED(!rdma_listen(l, 1));
	port = ntohs(rdma_get_src_port(l));
	NEED(write(fd, &port, sizeof(port)) == sizeof(port));
	if (rdma_get_request(l, &e.id))
		_exit(2);
	prepare(&e);
	if (rdma_accept(e.id, NULL))
		_exit(2);
	for (;;) {
		count_down(&left);
		if (!get(&e) || !put(&e))
			_exit(2);
	}
}

/* A port comes: make a peer that connects to it; 0: one that listens. */
static void maker(int fd)
{
	uint16_t port;

	while (read(fd, &port, sizeof(port)) == sizeof(port)) {
		uint32_t left = rnd() % 16;
		struct timespec ts = { 0 };
		int status, early = rnd() % 4 == 0;
		pid_t pid;

		ts.tv_nsec = rnd() % EARLY_US * 1000;
		pid = fork();
		NEED(pid >= 0);
		if (!pid) {
			alarm(60);
			if (port)
				ask_for_ever(port, left);
			answer_for_ever(fd, left);
		}
		/* who listens is known to others once it has told its port */
		if (early && port) {
			nanosleep(&ts, NULL);
			kill(pid, SIGKILL);
		}
		NEED(waitpid(pid, &status, 0) == pid);
		if (!WIFSIGNALED(status))
			fprintf(stderr, "peer: status %d\n", status);
		if (port)
			NEED(write(fd, &port, sizeof(port)) == sizeof(port));
	}
	_exit(0);
}

/* --- the one that lives ---------------------------------------------------------- */

static unsigned long messages, connections;

static void echo(struct end *e)
{
	connections++;
	while (get(e) && put(e))
		messages++;
}

/* One at a time; @fd becomes readable when the peer is dead. */
static void serve_one(struct rdma_cm_id *l, int fd)
{
	static struct end e;
	struct pollfd pfd[2] = { { .fd = fd, .events = POLLIN },
				 { .fd = l->channel->fd, .events = POLLIN } };
	uint16_t port = ntohs(rdma_get_src_port(l));

	NEED(write(fd, &port, sizeof(port)) == sizeof(port));
	for (;;) {
		NEED(poll(pfd, 2, 20000) > 0);
		if (pfd[1].revents) {
			NEED(!rdma_get_request(l, &e.id));
			prepare(&e);
			if (!rdma_accept(e.id, NULL))
				echo(&e);
			done_with(&e);
		} else {
			NEED(read(fd, &port, sizeof(port)) == sizeof(port));
			return;
		}
	}
}

static void connect_one(int fd)
{
	static struct end e;
	uint16_t port = 0;

	NEED(write(fd, &port, sizeof(port)) == sizeof(port));
	NEED(read(fd, &port, sizeof(port)) == sizeof(port));
	e.id = new_ep(port, 0);
	prepare(&e);
	if (!rdma_connect(e.id, NULL)) {
		connections++;
		while (put(&e) && get(&e))
			messages++;
	}
	done_with(&e);
}

int main(int argc, char **argv)
{
	int cycles = argc == 3 ? atoi(argv[2]) : 0, i, pair[2];
	struct rdma_cm_id *l;
	struct usage was, is;

	if (cycles <= WARM_UP)
		return 2;
	NEED(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	if (!fork()) {
		close(pair[0]);
		maker(pair[1]);
	}
	close(pair[1]);
	l = new_ep(0, RAI_PASSIVE);
	NEED(!rdma_listen(l, 8));
	for (i = 0; i < cycles; i++) {
		if (i == WARM_UP)
			was = usage(l->verbs);
		if (!strcmp(argv[1], "server"))
			serve_one(l, pair[0]);
		else
			connect_one(pair[0]);
	}
	is = usage(l->verbs);
	printf("%d peers, %lu connections, %lu messages\n", cycles, connections,
	       messages);
	return leaks(&was, &is) || connections < (unsigned long)cycles / 2;
}
