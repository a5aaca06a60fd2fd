// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A worker: makes a connection to itself, has traffic on it, and spoils what it
 * can, in several threads; forks in between; ends as it likes.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../weak/weak.h"
#include "abi.h"

#define THREADS		3
#define STEPS		400

static struct ends ends;
static struct ibv_srq *srq;	/* of ends.b, or NULL */
static const struct how usual = { .post_recv = true };
static const struct how with_srq = { .srq = &srq };

/* Where a thread goes on when it has touched what is not there any more. */
static __thread sigjmp_buf safe;
static __thread volatile bool guarded;

/* --- the pair ---------------------------------------------------------- */

static void know(struct end *e, int i)
{
	target.cmd_fd[i] = e->id->verbs->cmd_fd;
	target.cm_fd[i] = i ? ends.events->fd : e->events->fd;
	target.qp_handle[i] = e->qp->handle;
	target.qp_num[i] = e->qp->qp_num;
	target.cq_handle[2 * i] = e->scq->handle;
	target.cq_handle[2 * i + 1] = e->rcq->handle;
	target.mr_handle[i] = e->mr->handle;
	target.pd_handle[i] = e->pd->handle;
	target.lkey[i] = e->mr->lkey;
	target.rkey[i] = e->mr->rkey;
	target.buf[i] = (uintptr_t)e->buf;
	target.buf_len = BUF_LEN;
	target.id[i] = i;	/* the kernel's numbers are small */
}

static void on_fault(int sig)
{
	(void)sig;
	/* in a library: it may hold locks */
	if (!guarded)
		_exit(3);
	siglongjmp(safe, 1);
}

/* --- traffic ----------------------------------------------------------- */

static void receive_at(struct end *e)
{
	struct ibv_sge sge = { (uintptr_t)e->buf, BUF_LEN, e->mr->lkey };
	struct ibv_recv_wr *bad, wr = {
		.wr_id = 3, .sg_list = &sge, .num_sge = 1,
	};

	if (e == &ends.b && srq)
		ibv_post_srq_recv(srq, &wr, &bad);
	else
		ibv_post_recv(e->qp, &wr, &bad);
}

static void one_exchange(struct rnd *r)
{
	static const enum ibv_wr_opcode ops[] = {
		IBV_WR_RDMA_WRITE, IBV_WR_RDMA_READ, IBV_WR_SEND,
		IBV_WR_RDMA_WRITE, IBV_WR_RDMA_READ,
	};
	struct end *from = one_in(r, 2) ? &ends.a : &ends.b;
	struct end *to = from == &ends.a ? &ends.b : &ends.a;
	enum ibv_wr_opcode op = ops[below(r, 5)];
	struct ibv_wc wc[16];

	if (op == IBV_WR_SEND)
		receive_at(to);
	post(from, op, rnd(r), 0, below(r, one_in(r, 4) ? BUF_LEN : 3000),
	     (uintptr_t)to->buf, to->mr->rkey);
	if (one_in(r, 4))
		ibv_req_notify_cq(from->scq, one_in(r, 2));
	ibv_poll_cq(from->scq, 16, wc);
	ibv_poll_cq(to->rcq, 16, wc);
}

/* --- spoiling ---------------------------------------------------------- */

static void fork_once(struct rnd *r)
{
	pid_t pid = fork();
	int i, n = below(r, 20);

	if (pid)
		return;
	/* the child has the descriptors, and perhaps the mappings */
	alarm(5);
	for (i = 0; i < n; i++) {
		doorbell(r);
		verbs_command(r);
		if (one_in(r, 3))
			spoil_ring(r);
	}
	if (one_in(r, 3))
		execl("/bin/true", "true", NULL);
	_exit(0);
}

static void close_something(struct rnd *r)
{
	switch (below(r, 6)) {
	case 0:
		close(target.cmd_fd[below(r, 2)]);
		break;
	case 1:
		close(target.cm_fd[below(r, 2)]);
		break;
	case 2:
		close(ends.a.id->verbs->async_fd);
		break;
	case 3:
		rdma_disconnect(ends.a.id);
		break;
	case 4:
		close(dup(target.cmd_fd[below(r, 2)]));
		break;
	case 5:
		close(ends.a.channel->fd);
		break;
	}
}

static void step(struct rnd *r)
{
	switch (below(r, 32)) {
	case 0 ... 5:
		post_odd_send(r);
		break;
	case 6 ... 8:
		post_odd_receive(r);
		break;
	case 9 ... 10:
		spoil_ring(r);
		break;
	case 11:
		arm_oddly(r);
		break;
	case 12 ... 16:
		verbs_command(r);
		break;
	case 17 ... 20:
		cm_command(r);
		break;
	case 21:
		map_oddly(r);
		break;
	case 22:
		if (one_in(r, 8))
			unmap_something(r);
		break;
	case 23:
		if (one_in(r, 20))
			fork_once(r);
		break;
	case 24:
		if (one_in(r, 20))
			close_something(r);
		break;
	case 25:
		doorbell(r);
		break;
	default:
		guarded = false;
		one_exchange(r);
	}
}

static void *thread(void *arg)
{
	struct rnd r = { (uintptr_t)arg };
	volatile int i;

	for (i = 0; i < STEPS; i++) {
		if (!sigsetjmp(safe, 1)) {
			guarded = true;
			step(&r);
		}
		guarded = false;
	}
	return NULL;
}

/* As a program that has lost its mind, or is tired of it. */
static void leave(struct rnd *r)
{
	switch (below(r, 5)) {
	case 0:
		raise(SIGKILL);
		break;
	case 1:
		rdma_disconnect(ends.a.id);
		break;
	case 2:
		free_ends(&ends);
		break;
	case 3:
		abort();
	}
	_exit(0);
}

void worker(const char *addr, uint64_t seed)
{
	struct rnd r = { seed };
	pthread_t threads[THREADS];
	int i;

	signal(SIGCHLD, SIG_IGN);
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	recording = true;
	connect_ends(&ends, addr, one_in(&r, 2) ? &usual : &with_srq);
	recording = false;
	know(&ends.a, 0);
	know(&ends.b, 1);
	target.id[2] = 2;
	for (i = 0; i < 20; i++)
		one_exchange(&r);
	printf("connected\n");
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread,
			       (void *)(uintptr_t)(seed * 31 + i + 1));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	leave(&r);
}

/* --- the device, when nobody spoils it --------------------------------- */

static void carry(struct end *from, struct end *to, enum ibv_wr_opcode op,
		  uint8_t fill)
{
	uint32_t i;

	memset(from->buf, op == IBV_WR_RDMA_READ ? 0 : fill, BUF_LEN);
	memset(to->buf, op == IBV_WR_RDMA_READ ? fill : 0, BUF_LEN);
	need(!post(from, op, fill, 0, BUF_LEN, (uintptr_t)to->buf,
		   to->mr->rkey), "post");
	expect(from->scq, IBV_WC_SUCCESS, fill);
	if (op == IBV_WR_SEND)
		expect(to->rcq, IBV_WC_SUCCESS, 1);
	if (op == IBV_WR_RDMA_WRITE) {
		/* it is in place when this one is there */
		need(!post(from, IBV_WR_RDMA_READ, 9, 0, 8,
			   (uintptr_t)to->buf, to->mr->rkey), "post");
		expect(from->scq, IBV_WC_SUCCESS, 9);
	}
	for (i = 0; i < BUF_LEN; i++)
		need((uint8_t)to->buf[i] == fill &&
		     (uint8_t)from->buf[i] == fill,
		     "octet %u of a message is wrong", i);
}

void check_device(const char *addr)
{
	connect_ends(&ends, addr, &usual);
	carry(&ends.a, &ends.b, IBV_WR_SEND, 0x11);
	carry(&ends.a, &ends.b, IBV_WR_RDMA_WRITE, 0x22);
	carry(&ends.b, &ends.a, IBV_WR_RDMA_READ, 0x33);
	free_ends(&ends);
}
