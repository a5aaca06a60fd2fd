// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Receiving by the thread that waits for what is received.
 *
 * A message for a program that sleeps in a completion channel would wake up an
 * engine, which wakes up the program: the second of these is saved when the
 * program's thread waits for the socket as well. It claims the connection that
 * the CQ got its last completion from: the engine does not look for input of that
 * connection until the claim ends, which it does before the thread does anything
 * else. For other connections nothing changes.
 *
 * A claim belongs to a thread, an end point to at most one claim (ep->claim); who
 * takes the connection away takes the claim, too. Under usiw_lock().
 */
#include <sys/epoll.h>

#include "priv.h"

struct usiw_claim {
	struct usiw_ep *ep;		/* NULL: taken away */
	bool used;
	pthread_t thread;
};

static struct usiw_claim claims[USIW_CLAIMS];

static bool can_receive(const struct usiw_ep *ep)
{
	return ep->rx == USIW_EP_RX_QP && ep->phase == SIW_CM_OPEN &&
	       !ep->fin_seen && !ep->rst_seen && ep->registered && ep->qp &&
	       !ep->qp->rx_stopped;
}

/* A thread that left by longjmp() out of a signal handler still has one. */
static void give_back_own(void)
{
	int i;

	for (i = 0; i < USIW_CLAIMS; i++)
		if (claims[i].used &&
		    pthread_equal(claims[i].thread, pthread_self()))
			usiw_claim_end(&claims[i]);
}

static struct usiw_claim *unused(void)
{
	int i;

	for (i = 0; i < USIW_CLAIMS; i++)
		if (!claims[i].used)
			return &claims[i];
	return NULL;
}

/**
 * usiw_claim() - receive for a CQ instead of the engine
 * @cq: completion queue that the thread waits for
 * @fd: result: wait for this to become readable
 *
 * Return: the claim; NULL if there is nothing to claim.
 */
struct usiw_claim *usiw_claim(struct usiw_cq *cq, int *fd)
{
	struct usiw_ep *ep = cq->hot ? cq->hot->ep : NULL;
	struct usiw_claim *c;

	give_back_own();
	if (!ep || ep->claim || !can_receive(ep))
		return NULL;
	c = unused();
	if (!c)
		return NULL;
	c->used = true;
	c->thread = pthread_self();
	c->ep = ep;
	ep->claim = c;
	usiw_ep_interest(ep);
	*fd = ep->fd;
	return c;
}

/**
 * usiw_claim_receive() - the socket is readable
 * @c: claim
 *
 * Context: a front's call, not in the middle of anything; gives the lock back
 * meanwhile.
 *
 * Return: false: there is nothing more to wait for at the socket.
 */
bool usiw_claim_receive(struct usiw_claim *c)
{
	if (c->ep)
		usiw_ep_receive(c->ep, USIW_ENGINES_MAX + (u32)(c - claims));
	usiw_work_run_top();
	return c->ep && can_receive(c->ep);
}

/**
 * usiw_claim_end() - the engine's again
 * @c: claim
 */
void usiw_claim_end(struct usiw_claim *c)
{
	struct usiw_ep *ep = c->ep;

	c->used = false;
	usiw_claim_lost(ep);
	if (ep)
		usiw_ep_interest(ep);
}

/**
 * usiw_claim_lost() - the connection is taken away from whoever claims it
 * @ep: end point or NULL
 */
void usiw_claim_lost(struct usiw_ep *ep)
{
	if (!ep || !ep->claim)
		return;
	ep->claim->ep = NULL;
	ep->claim = NULL;
}

/* This is the child of a fork: the threads that had them do not exist. */
void usiw_claim_forked(void)
{
	int i;

	for (i = 0; i < USIW_CLAIMS; i++) {
		usiw_claim_lost(claims[i].ep);
		claims[i].used = false;
	}
}
