// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A thread that waits for completions claims the connection that they come from.
 */
#include <poll.h>
#include <pthread.h>

#include "harness.h"
#include "pair.h"

#define ALL_RIGHTS	0x0f

static u8 src[64], dst[64];

static void send_one(struct pair *p, u64 id, u32 ks)
{
	CHECK(post_send(&p->a, id, SIW_OP_SEND, 0, src, sizeof(src), ks));
}

/* Both ends, and one message that an engine has received */
static bool begin(struct pair *p, u32 *ks)
{
	struct siw_cqe c;
	u32 kd, i;

	if (!pair_init(p, &(struct pair_opts) {}))
		return false;
	end_reg(&p->a, src, sizeof(src), ALL_RIGHTS, ks);
	end_reg(&p->b, dst, sizeof(dst), ALL_RIGHTS, &kd);
	for (i = 0; i < 8; i++)
		CHECK(post_recv(&p->b, i, dst, sizeof(dst), kd));
	send_one(p, 100, *ks);
	return wait_cqe(&p->b, &c) && !c.status;
}

static struct usiw_claim *claim(struct end *e, int *fd)
{
	struct usiw_claim *c;

	usiw_lock();
	c = usiw_claim(e->cq, fd);
	usiw_unlock();
	return c;
}

static struct usiw_claim *begin_claimed(struct pair *p, int *fd, u32 *ks)
{
	return begin(p, ks) ? claim(&p->b, fd) : NULL;
}

static bool receive(struct usiw_claim *c)
{
	bool more;

	usiw_lock();
	more = usiw_claim_receive(c);
	usiw_unlock();
	return more;
}

static void end_claim(struct usiw_claim *c)
{
	usiw_lock();
	usiw_claim_end(c);
	usiw_unlock();
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, WAIT_S * 1000) == 1;
}

TEST(claim__receives)
{
	struct usiw_claim *c;
	struct siw_cqe cqe;
	struct pair p;
	int fd = -1;
	u32 ks, i;

	c = begin_claimed(&p, &fd, &ks);
	NEED(c);
	for (i = 1; i < 4; i++) {
		send_one(&p, 100 + i, ks);
		NEED(readable(fd));
		CHECK(!poll_once(&p.b, &cqe));
		CHECK(receive(c));
		NEED(poll_once(&p.b, &cqe));
		CHECK_EQ(cqe.id, i);
		CHECK_EQ(cqe.status, SIW_WC_SUCCESS);
	}
	/* and what is there at the end of the claim is the engine's */
	send_one(&p, 200, ks);
	NEED(readable(fd));
	end_claim(c);
	NEED(wait_cqe(&p.b, &cqe));
	CHECK_EQ(cqe.id, 4);
	CHECK(pair_close(&p));
}

static void *claim_too(void *arg)
{
	struct end *e = arg;
	int fd;

	return claim(e, &fd);
}

TEST(claim__once)
{
	struct usiw_claim *c;
	pthread_t thread;
	struct pair p;
	void *other;
	int fd = -1;
	u32 ks;

	c = begin_claimed(&p, &fd, &ks);
	NEED(c);
	NEED(!pthread_create(&thread, NULL, claim_too, &p.b));
	pthread_join(thread, &other);
	CHECK(!other);
	/* this thread's own is given back first */
	c = claim(&p.b, &fd);
	NEED(c);
	end_claim(c);
	CHECK(pair_close(&p));
}

TEST(claim__peer_leaves)
{
	struct usiw_claim *c;
	struct pair p;
	int fd = -1;
	u32 ks;

	c = begin_claimed(&p, &fd, &ks);
	NEED(c);
	usiw_lock();
	CHECK_EQ(usiw_ep_disconnect(p.a.ep), 0);
	usiw_unlock();
	NEED(readable(fd));
	CHECK(!receive(c));
	end_claim(c);
	CHECK(wait_cm(&p.b, USIW_CM_DISCONNECT, NULL));
	CHECK(wait_cm(&p.b, USIW_CM_CLOSE, NULL));
	pair_fini(&p);
}

TEST(claim__destroyed)
{
	struct usiw_claim *c;
	struct pair p;
	int fd = -1;
	u32 ks;

	c = begin_claimed(&p, &fd, &ks);
	NEED(c);
	pair_fini(&p);
	CHECK(!receive(c));
	end_claim(c);
}

SUITE(usiw_claim, CASE(claim__receives), CASE(claim__once),
      CASE(claim__peer_leaves), CASE(claim__destroyed));
