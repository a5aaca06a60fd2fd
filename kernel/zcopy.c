// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Sending without a copy: TCP takes references to the pages of the payload.
 *
 * TCP sends from these pages until the peer has acknowledged, maybe more than
 * once. On one host the receiver even gets the pages themselves, and reads
 * them some time after it has acknowledged. So the number of an acknowledged
 * octet does not tell that memory may be used again; the end of all socket
 * buffers that refer to it does, which is what struct ubuf_info is for. Hence
 * two ways:
 *
 *   splice	Read Responses. Nothing completes here; who may use the memory
 *		again the peer's program says, once it has all the data. So
 *		nobody asks when the pages are free.
 *   lend	Sends and Writes. A loan is one call into TCP. A WR completes
 *		when it was handed over and all its loans were given back;
 *		since completions are in order, so do the WRs behind it. A
 *		signalled completion is thus true for the unsignalled WRs
 *		before it.
 *
 * Who delivers lent pages to another socket of this host copies them before,
 * and tells. Then it was in vain, and this connection goes on with copies.
 *
 * Not with CRC: a program that writes to its memory early would turn its
 * mistake into a broken connection. Not what is short: a reference costs more.
 *
 * Headers and trailers are copied to a stash, a page that is filled once and
 * then left to TCP, since those of the core are used again at once.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "siw.h"
#include "ring.h"

#define ZCOPY_MIN	4096	/* payload of a message, octets */

/**
 * siw_zcopy_how() - how a message's payload is to be sent
 * @qp: started
 * @m: about to start; one that does not belong to a WR or a Read is copied
 *
 * Context: owner of qp->tx_state.
 * Return: enum siw_how.
 */
enum siw_how siw_zcopy_how(const struct siw_qp *qp, const struct siw_msg *m)
{
	u32 wanted = siw_policy_zcopy(qp->sdev);

	if (wanted == SIW_ZCOPY_NONE || m->len < ZCOPY_MIN || qp->tx.crc_on ||
	    !(READ_ONCE(qp->sock->sk->sk_route_caps) & NETIF_F_SG))
		return SIW_COPY;
	if (m->kind == SIW_MSG_RRESP)
		return SIW_SPLICE;
	if (m->kind != SIW_MSG_SQ || READ_ONCE(qp->zcopy_futile))
		return SIW_COPY;
	if (wanted < SIW_ZCOPY_ALL && siw_wr_signalled(qp, m->sqe.flags))
		return SIW_COPY;
	return SIW_LEND;
}

/**
 * siw_zcopy_page_ok() - can TCP hold references to these pages?
 * @p: from siw_mem_piece()
 *
 * Context: any.
 * Return: false for slab memory and pages that are not counted.
 */
bool siw_zcopy_page_ok(const struct siw_piece *p)
{
	u32 last = (p->off + p->len - 1) >> PAGE_SHIFT;
	u32 i;

	for (i = p->off >> PAGE_SHIFT; i <= last; i++)
		if (!sendpage_ok(p->page + i))
			return false;
	return true;
}

/* --- headers ------------------------------------------------------------ */

/*
 * TCP takes its own references, but not before it is called: a page that gets
 * full while a call is prepared is kept until the next one is full. There is no
 * third in one call, whose pieces need less than a page.
 */
static bool stash_room(struct siw_qp *qp, u32 len)
{
	struct page *page;

	BUILD_BUG_ON(SIW_TX_RING * (RDMAP_MAX_HDR + 8) +
		     SIW_TX_BVECS * MPA_MARKER_SIZE > PAGE_SIZE);
	if (qp->stash && PAGE_SIZE - qp->stash_off >= len)
		return true;
	page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	if (!page)
		return false;
	if (qp->stash_full)
		put_page(qp->stash_full);
	qp->stash_full = qp->stash;
	qp->stash = page;
	qp->stash_off = 0;
	return true;
}

/**
 * siw_zcopy_stash() - copy a header or trailer to where it stays
 * @qp: QP
 * @va: octets
 * @len: how many, less than a page
 * @p: result
 *
 * Context: owner of qp->tx_state.
 * Return: false if there is no memory.
 */
bool siw_zcopy_stash(struct siw_qp *qp, const void *va, u32 len,
		     struct siw_piece *p)
{
	if (!stash_room(qp, len))
		return false;
	memcpy_to_page(qp->stash, qp->stash_off, va, len);
	*p = (struct siw_piece) {
		.page = qp->stash, .off = qp->stash_off, .len = len,
	};
	qp->stash_off += len;
	return true;
}

/**
 * siw_zcopy_fini() - give the stash back
 * @qp: QP
 *
 * Context: owner of qp->tx_state, or nobody is.
 */
void siw_zcopy_fini(struct siw_qp *qp)
{
	if (qp->stash)
		put_page(qp->stash);
	if (qp->stash_full)
		put_page(qp->stash_full);
	qp->stash = NULL;
	qp->stash_full = NULL;
}

/* --- loans -------------------------------------------------------------- */

struct siw_loan {
	struct ubuf_info ubuf;		/* referenced by us and by TCP's */
	struct siw_qp *qp;		/* referenced */
	u32 wr, cnt;			/* of these WRs */
	bool taken;			/* TCP took something */
	bool undone;			/* somebody copied it */
};

/* Completions may let the sender go on, if the entries for WRs were all used. */
static void given_back(struct siw_loan *loan)
{
	struct siw_qp *qp = loan->qp;

	siw_wr_return(qp, loan->wr, loan->cnt);
	if (loan->undone)
		siw_count(qp->sdev, SIW_CNT_TX_ZCOPY_UNDONE);
	atomic_dec(&qp->loans);
	/* nothing has changed if TCP had no room */
	if (loan->taken &&
	    siw_sqe_ready(qp->sq, qp->num_sqe, READ_ONCE(qp->sq_get)))
		siw_sq_kick(qp, SIW_KICK_QUEUE);
	kfree(loan);
	siw_qp_put(qp);
}

static void loan_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool ok)
{
	struct siw_loan *loan = container_of(ubuf, struct siw_loan, ubuf);

	if (!ok) {
		WRITE_ONCE(loan->undone, true);
		WRITE_ONCE(loan->qp->zcopy_futile, true);
	}
	if (refcount_dec_and_test(&ubuf->refcnt))
		given_back(loan);
}

static const struct ubuf_info_ops loan_ops = {
	.complete = loan_complete,
};

/**
 * siw_loan_new() - prepare a loan
 * @qp: QP
 *
 * Context: owner of qp->tx_state.
 * Return: loan that siw_loan_sent() has to be called for, or NULL.
 */
struct siw_loan *siw_loan_new(struct siw_qp *qp)
{
	struct siw_loan *loan = kzalloc(sizeof(*loan),
					GFP_ATOMIC | __GFP_NOWARN);

	if (!loan)
		return NULL;
	siw_compat_ubuf_ops(&loan->ubuf, &loan_ops);
	loan->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	refcount_set(&loan->ubuf.refcnt, 1);
	siw_qp_get(qp);
	loan->qp = qp;
	atomic_inc(&qp->loans);
	return loan;
}

/**
 * siw_loan_begin() - say whose payload it is, before it is sent
 * @loan: new
 * @wr: index of the first WR
 * @cnt: WRs
 *
 * Context: owner of qp->tx_state.
 */
void siw_loan_begin(struct siw_loan *loan, u32 wr, u32 cnt)
{
	loan->wr = wr;
	loan->cnt = cnt;
	siw_wr_lend(loan->qp, wr, cnt);
}

/**
 * siw_loan_ubuf() - what to give to TCP
 * @loan: loan
 *
 * Context: any.
 * Return: for struct msghdr.
 */
struct ubuf_info *siw_loan_ubuf(struct siw_loan *loan)
{
	return &loan->ubuf;
}

/**
 * siw_loan_sent() - the loan is TCP's, or was not wanted
 * @loan: may be gone afterwards
 * @taken: TCP took something
 *
 * Context: owner of qp->tx_state.
 */
void siw_loan_sent(struct siw_loan *loan, bool taken)
{
	loan->taken = taken;
	loan_complete(NULL, &loan->ubuf, true);
}
