// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The side that connects: one connection in a process of its own, which lives for
 * a random number of requests and ends in one of several ways. All that comes
 * back, and all that was written and is read, is compared.
 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#include "soak.h"

#define OPS_MAX		40
#define DOWN_US		20000	/* to wait if the link is down */
#define RDMA_MAX	(32 << 10)	/* octets in a READ or WRITE */

struct client {
	struct rdma_cm_id *id;
	struct ibv_mr *mr;
	uint64_t addr;		/* the server's region */
	uint32_t rkey;
	uint32_t off, len, seed;	/* what is known of it; len 0: nothing */
	struct msg in, out;
	uint8_t data[RDMA_MAX];
};

/* Is it well? What is not is counted. */
static int well(int got, const struct ibv_wc *wc)
{
	if (got == 1 && !wc->status)
		return 1;
	if (got == 1)
		count_wc(wc);
	return 0;
}

static int sent(struct client *c)
{
	struct ibv_wc wc = {};

	return well(rdma_get_send_comp(c->id, &wc), &wc);
}

/* A request with @c->out.len octets of data, and its answer. */
static int request(struct client *c, uint32_t data_len)
{
	struct ibv_wc wc = {};

	if (rdma_post_recv(c->id, NULL, &c->in, sizeof(c->in), c->mr) ||
	    rdma_post_send(c->id, NULL, &c->out, MSG_HEAD + data_len, c->mr, 0))
		return 0;
	if (!sent(c) || !well(rdma_get_recv_comp(c->id, &wc), &wc))
		return 0;
	totals->requests++;
	totals->octets += wc.byte_len + MSG_HEAD + data_len;
	totals->wrong += c->in.op != c->out.op;
	c->addr = c->in.addr;
	c->rkey = c->in.rkey;
	return 1;
}

static int echo(struct client *c)
{
	uint32_t len = rnd() % (MSG_DATA + 1), seed = rnd();

	c->out = (struct msg) { .op = OP_ECHO, .seed = seed, .len = len };
	fill(c->out.data, len, seed);
	if (!request(c, len))
		return 0;
	if (c->in.len != len || !same(c->in.data, len, seed + 1))
		totals->wrong++;
	return 1;
}

static int check(struct client *c)
{
	c->out = (struct msg) { .op = OP_CHECK, .seed = c->seed,
				.off = c->off, .len = c->len };
	return request(c, 0);
}

static int write_region(struct client *c)
{
	c->len = 1 + rnd() % RDMA_MAX;
	c->off = rnd() % (REGION - c->len);
	c->seed = rnd();
	fill(c->data, c->len, c->seed);
	totals->octets += c->len;
	if (rdma_post_write(c->id, NULL, c->data, c->len, c->mr, 0,
			    c->addr + c->off, c->rkey))
		return 0;
	return sent(c) && check(c);
}

static int read_region(struct client *c)
{
	uint32_t skip;

	if (!c->len)
		return 1;
	skip = rnd() % c->len;
	totals->octets += c->len - skip;
	if (rdma_post_read(c->id, NULL, c->data, c->len - skip, c->mr, 0,
			   c->addr + c->off + skip, c->rkey) || !sent(c))
		return 0;
	if (!same(c->data, c->len - skip, c->seed + skip))
		totals->wrong++;
	return 1;
}

static int renew(struct client *c, enum op op)
{
	c->out = (struct msg) { .op = op };
	return request(c, 0);
}

/*
 * The region goes while it is written to. The connection may end of that, or the
 * WRITEs be too early or too late: then it goes on.
 */
static int renew_at_once(struct client *c, enum op op)
{
	struct ibv_wc wc = {};
	int i, bad = 0;

	c->len = 0;
	c->out = (struct msg) { .op = op };
	if (rdma_post_recv(c->id, NULL, &c->in, sizeof(c->in), c->mr) ||
	    rdma_post_send(c->id, NULL, &c->out, MSG_HEAD, c->mr, 0))
		return 0;
	for (i = 0; i < 3; i++)
		bad |= rdma_post_write(c->id, NULL, c->data, sizeof(c->data),
				       c->mr, 0, c->addr, c->rkey) != 0;
	for (i = 0; !bad && i < 4; i++)
		bad = rdma_get_send_comp(c->id, &wc) != 1 || wc.status;
	if (!bad)
		bad = rdma_get_recv_comp(c->id, &wc) != 1 || wc.status;
	c->addr = c->in.addr;
	c->rkey = c->in.rkey;
	/* the answer may have been quicker than the word on the last WRITE */
	if (!bad && !check(c))
		bad = 1;
	totals->stale += bad;
	return bad ? -1 : 1;
}

/* Return: 1: go on; 0: the connection failed; -1: it was meant to. */
static int step(struct client *c)
{
	switch (rnd() % 16) {
	case 0:
		return renew(c, OP_NEW);
	case 1:
		return renew(c, OP_REREG);
	case 2:
		return renew_at_once(c, rnd() % 2 ? OP_NEW : OP_REREG);
	case 3 ... 6:
		return read_region(c);
	case 7 ... 10:
		return write_region(c);
	default:
		return echo(c);
	}
}

static int connected(struct client *c, const char *addr, uint16_t port)
{
	struct rdma_addrinfo hints = { .ai_port_space = RDMA_PS_TCP }, *ai;
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 8, .max_recv_wr = 2,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.sq_sig_all = 1,
	};
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	NEED(!rdma_getaddrinfo(addr, text, &hints, &ai));
	if (rdma_create_ep(&c->id, ai, NULL, &attr))
		return 0;
	rdma_freeaddrinfo(ai);
	c->mr = rdma_reg_msgs(c->id, c, sizeof(*c));
	NEED(c->mr);
	return !rdma_connect(c->id, NULL);
}

int session(const char *addr, uint16_t port, int fragile)
{
	struct client *c = calloc(1, sizeof(*c));
	int ops = rnd() % OPS_MAX, way, go_on;

	NEED(c);
	alarm(60);
	if (!connected(c, addr, port)) {
		totals->refused++;
		usleep(DOWN_US);
		return 0;
	}
	totals->connections++;
	go_on = renew(c, OP_NEW);
	while (go_on == 1 && ops-- && !totals->stop)
		go_on = step(c);
	if (!go_on && !fragile)
		totals->unexpected++;
	way = rnd() % 4;
	if (way == 0)
		raise(SIGKILL);
	if (way == 1)
		return 0;		/* the library's and the kernel's turn */
	if (way == 2)
		rdma_disconnect(c->id);
	NEED(!rdma_dereg_mr(c->mr));
	rdma_destroy_ep(c->id);
	free(c);
	return 0;
}
