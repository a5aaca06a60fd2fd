// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A server with a connection forks: to become a daemon, or with both processes
 * living on. The client is a process of its own that talks to it all the time.
 * Each test is a process with its name as argument; status 0 is success.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#include "need.h"

#define ROUNDS	2000
#define PATIENCE	60		/* seconds, for each process */

struct end {
	struct rdma_cm_id *listener, *id;
	struct ibv_mr *mr;
	uint32_t buf[2];		/* to send, received */
};

static pid_t forked(void)
{
	pid_t pid = fork();

	NEED(pid >= 0);
	if (!pid)
		alarm(PATIENCE);
	return pid;
}

static struct rdma_addrinfo *address(const char *port, int flags)
{
	struct rdma_addrinfo hints = { .ai_port_space = RDMA_PS_TCP,
				       .ai_flags = flags };
	struct rdma_addrinfo *ai;

	NEED(!rdma_getaddrinfo("127.0.0.1", port, &hints, &ai));
	return ai;
}

static struct ibv_qp_init_attr qp_attr(void)
{
	return (struct ibv_qp_init_attr) {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.sq_sig_all = 1,
	};
}

static void post(struct end *e)
{
	NEED(!rdma_post_recv(e->id, NULL, &e->buf[1], 4, e->mr));
}

static void prepare(struct end *e)
{
	e->mr = rdma_reg_msgs(e->id, e->buf, sizeof(e->buf));
	NEED(e->mr);
	post(e);
}

static void put(struct end *e, uint32_t val)
{
	struct ibv_wc wc;

	e->buf[0] = val;
	NEED(!rdma_post_send(e->id, NULL, &e->buf[0], 4, e->mr, 0));
	NEED(rdma_get_send_comp(e->id, &wc) == 1 && !wc.status);
}

static uint32_t get(struct end *e)
{
	struct ibv_wc wc;
	uint32_t val;

	NEED(rdma_get_recv_comp(e->id, &wc) == 1 && !wc.status);
	val = e->buf[1];
	post(e);
	return val;
}

/* Ask @rounds times, and see the server disconnect if it is to. */
static pid_t client(int pipe_fd, uint32_t rounds, int sees_end)
{
	struct ibv_qp_init_attr attr = qp_attr();
	struct rdma_cm_event *ev;
	struct end e = { 0 };
	char port[8] = "";
	uint32_t i;
	pid_t pid = forked();

	if (pid)
		return pid;
	NEED(read(pipe_fd, port, sizeof(port)) > 0);
	NEED(!rdma_create_ep(&e.id, address(port, 0), NULL, &attr));
	prepare(&e);
	NEED(!rdma_connect(e.id, NULL));
	for (i = 0; i < rounds; i++) {
		put(&e, i);
		NEED(get(&e) == i + 1);
	}
	if (sees_end) {
		struct rdma_event_channel *ch = rdma_create_event_channel();

		NEED(ch && !rdma_migrate_id(e.id, ch));
		NEED(!rdma_get_cm_event(ch, &ev));
		NEED(ev->event == RDMA_CM_EVENT_DISCONNECTED);
	} else {
		NEED(!rdma_disconnect(e.id));
	}
	_exit(0);
}

/* @port: 0 for any; result: the one that it is */
static void serve(struct end *e, char port[8], int pipe_fd)
{
	struct ibv_qp_init_attr attr = qp_attr();

	NEED(!rdma_create_ep(&e->listener, address(port, RAI_PASSIVE), NULL,
			     &attr));
	NEED(!rdma_listen(e->listener, 1));
	snprintf(port, 8, "%d",
		 (int)ntohs(rdma_get_src_port(e->listener)));
	NEED(write(pipe_fd, port, 8) == 8);
	NEED(!rdma_get_request(e->listener, &e->id));
	prepare(e);
	NEED(!rdma_accept(e->id, NULL));
}

static void answer(struct end *e, int rounds)
{
	while (rounds--)
		put(e, get(e) + 1);
}

static void succeeded(pid_t pid)
{
	int status;

	NEED(waitpid(pid, &status, 0) == pid && status == 0);
}

/*
 * A server that becomes a daemon in the midst of it. @leave ends the processes
 * that it forks on the way; the last one says when it is through.
 */
static void daemonise(int forks, void (*leave)(int))
{
	int to_client[2], done[2];
	struct end e = { 0 };
	char port[8] = "0";
	pid_t asks, pid;
	char c;

	NEED(!pipe(to_client) && !pipe(done));
	asks = client(to_client[0], ROUNDS, 0);
	pid = forked();
	if (!pid) {
		serve(&e, port, to_client[1]);
		answer(&e, ROUNDS / 2);
		while (forks--) {
			pid = forked();
			if (pid)
				leave(0);
			setsid();
		}
		answer(&e, ROUNDS / 2);
		NEED(write(done[1], "", 1) == 1);
		_exit(0);
	}
	succeeded(pid);		/* it has left, or will before the end */
	NEED(!close(done[1]));
	NEED(read(done[0], &c, 1) == 1);
	succeeded(asks);
}

static void test_daemon(void)
{
	daemonise(1, _exit);
}

static void test_daemon_twice(void)
{
	daemonise(2, _exit);
}

static void test_daemon_exit(void)
{
	daemonise(1, exit);
}

/* A child that goes on beside its parent, and does @what until it is killed. */
static pid_t beside(struct end *e, void (*what)(struct end *e))
{
	int ready[2];
	pid_t pid;
	char c;

	NEED(!pipe(ready));
	pid = forked();
	if (!pid) {
		what(e);
		NEED(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	NEED(!close(ready[1]) && read(ready[0], &c, 1) == 1);
	return pid;
}

/* Not the queues: they are shared memory, here and with a kernel device. */
static void try_all(struct end *e)
{
	NEED(!ibv_alloc_pd(e->id->verbs) && errno == EIO);
	NEED(rdma_disconnect(e->id) && errno == EIO);
	NEED(!ibv_reg_mr(e->id->pd, e->buf, 4, 0) && errno == EIO);
}

static void nothing(struct end *e)
{
	(void)e;
}

/*
 * The parent keeps its connection, and its end is the connection's, whatever the
 * child does, or does not.
 */
static void both(void (*what)(struct end *e))
{
	struct end e = { 0 }, again = { 0 };
	int to_client[2], to_more[2];
	char port[8] = "0";
	pid_t asks, child, more;

	NEED(!pipe(to_client) && !pipe(to_more));
	asks = client(to_client[0], ROUNDS, 1);
	/* the second one comes to a new listener in the place of the first */
	more = client(to_more[0], 10, 0);
	serve(&e, port, to_client[1]);
	answer(&e, ROUNDS / 2);
	child = beside(&e, what);
	answer(&e, ROUNDS / 2);
	rdma_destroy_ep(e.id);
	rdma_destroy_ep(e.listener);
	serve(&again, port, to_more[1]);
	answer(&again, 10);
	NEED(!waitpid(child, NULL, WNOHANG));
	NEED(!kill(child, SIGKILL) && waitpid(child, NULL, 0) == child);
	succeeded(asks);
	succeeded(more);
}

static void test_both(void)
{
	both(try_all);
}

static void test_both_silent(void)
{
	both(nothing);
}

/* Opened, but without a connection yet; a pipe says when the daemon is ready. */
static void test_open_then_daemon(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx;
	int done[2];
	pid_t pid;
	char c;

	NEED(list && list[0] && !pipe(done));
	pid = forked();
	if (!pid) {
		ctx = ibv_open_device(list[0]);
		NEED(ctx);
		NEED(!daemon(0, 1));
		NEED(ibv_alloc_pd(ctx));
		NEED(write(done[1], "", 1) == 1);
		_exit(0);
	}
	succeeded(pid);
	NEED(!close(done[1]) && read(done[0], &c, 1) == 1);
}

static const struct test tests[] = {
	{ "open_then_daemon", test_open_then_daemon },
	{ "daemon", test_daemon },
	{ "daemon_twice", test_daemon_twice },
	{ "daemon_exit", test_daemon_exit },
	{ "both", test_both },
	{ "both_silent", test_both_silent },
	{ 0 }
};

int main(int argc, char **argv)
{
	alarm(PATIENCE);
	return run_tests(tests, argc, argv);
}
