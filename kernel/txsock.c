// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * FPDUs to TCP. Headers, payload pages and trailers of many FPDUs are gathered
 * into one iterator and handed over by one call. One call takes all its octets
 * in the same way (enum siw_how), so it ends where the next payload goes
 * another; that may be anywhere within an FPDU.
 *
 * TCP is never waited for: what does not fit stays in the ring, and the
 * socket's write_space brings the sender back.
 */
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/uio.h>
#include <net/tcp.h>

#include "siw.h"
#include "debug.h"
#include "trace.h"

/**
 * siw_tx_mulpdu() - the longest ULPDU that fits a segment of the connection
 * @qp: QP with a socket
 *
 * Or several segments, or less than one, if the device's settings say so.
 *
 * Context: owner of qp->tx_state.
 * Return: octets.
 * RFC 5044 §4.5
 */
u32 siw_tx_mulpdu(const struct siw_qp *qp)
{
	u32 room = READ_ONCE(tcp_sk(qp->sock->sk)->mss_cache);

	room *= qp->fpdu_segments;
	if (qp->fpdu_max)
		room = min(room, qp->fpdu_max);
	return qp->tx.markers ? siw_mulpdu_marked(room) : siw_mulpdu(room);
}

/* --- CRC ---------------------------------------------------------------- */

static u32 crc_piece(const struct siw_piece *p, u32 crc)
{
	u32 off = p->off;
	u32 left = p->len;

	while (left) {
		u32 n = min_t(u32, left, PAGE_SIZE - offset_in_page(off));
		void *va = kmap_local_page(p->page + (off >> PAGE_SHIFT));

		crc = siw_crc32c(crc, va + offset_in_page(off), n);
		kunmap_local(va);
		off += n;
		left -= n;
	}
	return crc;
}

static u32 crc_payload(struct siw_qp *qp, const struct siw_msg *m, u32 off,
		       u32 left, u32 crc)
{
	struct siw_piece p;

	while (left) {
		/* Lost memory shows when it is to be sent. */
		if (siw_msg_piece(qp, m, off, left, &p))
			break;
		crc = crc_piece(&p, crc);
		off += p.len;
		left -= p.len;
	}
	return crc;
}

/**
 * siw_tx_crc_pay() - finish the trailer of an FPDU
 * @qp: QP
 * @m: message that the FPDU is of
 * @f: just cut
 *
 * Context: owner of qp->tx_state.
 * RFC 5044 §4.4
 */
void siw_tx_crc_pay(struct siw_qp *qp, const struct siw_msg *m,
		    struct siw_tx_fpdu *f)
{
	struct siw_tx_piece p;
	u32 crc = ~0u;
	u32 off;

	for (off = 0; f->crc_on && siw_tx_piece(f, off, &p); off += p.len)
		crc = p.own ? siw_crc32c(crc, p.own, p.len) :
			      crc_payload(qp, m, p.off, p.len, crc);
	siw_tx_seal(f, crc);
}

/* --- gathering ---------------------------------------------------------- */

/*
 * Where TCP takes a part of an FPDU only, because the socket is full, it sends
 * that part at once; from there on no FPDU begins a segment any more. Built
 * with -DSIW_TX_FULLSEGS, whole FPDUs are handed over, as far as there is room
 * for them.
 */
#ifdef SIW_TX_FULLSEGS
#define FULLSEGS	true
#else
#define FULLSEGS	false
#endif

struct gather {
	struct siw_qp *qp;
	enum siw_how how;
	bool no_memory;			/* for zero copy: all is copied */
	struct siw_loan *loan;		/* SIW_LEND */
	u32 wr, wr_cnt;			/* ... of these WRs */
	u32 cnt;
	u32 bytes;
	u32 room;			/* of the socket, octets */
	bool held;			/* there was no room for the next */
	DECLARE_BITMAP(own, SIW_TX_BVECS);	/* not payload */
};

/* With nothing in flight no acknowledgment will ever make more room. */
static u32 room_of(const struct sock *sk)
{
	int room = sk_stream_wspace(sk) - (int)SKB_TRUESIZE(MAX_TCP_HEADER);

	if (!FULLSEGS || !READ_ONCE(tcp_sk(sk)->packets_out))
		return U32_MAX;
	return max(room, 0);
}

static bool has_room(const struct gather *g, u32 len)
{
	return (u64)g->bytes + len <= g->room;
}

static bool add_piece(struct gather *g, const struct siw_piece *p)
{
	if (g->cnt == SIW_TX_BVECS)
		return false;
	g->qp->bv[g->cnt++] = (struct bio_vec) {
		.bv_page = p->page,
		.bv_len = p->len,
		.bv_offset = p->off,
	};
	g->bytes += p->len;
	return true;
}

/* @va is within the QP, which is one piece of kmalloc()ed memory. */
static bool add_own(struct gather *g, const struct siw_tx_piece *piece)
{
	const void *va = piece->own;
	u32 len = piece->len;
	struct siw_piece p;

	if (g->cnt == SIW_TX_BVECS)
		return false;
	if (piece->marker)
		va = memcpy(&g->qp->marker[g->cnt], va, len);
	p.page = virt_to_page(va);
	p.off = offset_in_page(va);
	p.len = len;
	if (g->how != SIW_COPY && !siw_zcopy_stash(g->qp, va, len, &p)) {
		g->no_memory = true;
		return false;
	}
	__set_bit(g->cnt, g->own);
	return add_piece(g, &p);
}

static enum siw_how how_of(const struct gather *g, const struct siw_msg *m,
			   const struct siw_piece *p)
{
	if (m->how == SIW_COPY || g->no_memory || !siw_zcopy_page_ok(p))
		return SIW_COPY;
	return m->how;
}

/* WRs are sent in order. */
static void note_wr(struct gather *g, const struct siw_msg *m)
{
	if (g->how != SIW_LEND)
		return;
	if (!g->wr_cnt)
		g->wr = m->wr;
	g->wr_cnt = m->wr - g->wr + 1;
}

static int add_payload(struct gather *g, const struct siw_msg *m, u32 off,
		       u32 left)
{
	struct siw_piece p;

	while (left) {
		if (siw_msg_piece(g->qp, m, off, left, &p))
			return -EFAULT;
		if (how_of(g, m, &p) != g->how || !add_piece(g, &p))
			return 0;
		note_wr(g, m);
		off += p.len;
		left -= p.len;
	}
	return 1;
}

/* The first piece of payload from @off on; false: there is none. */
static bool first_payload(const struct siw_tx_fpdu *f, u32 off,
			  struct siw_tx_piece *piece)
{
	for (; siw_tx_piece(f, off, piece); off += piece->len)
		if (!piece->own)
			return true;
	return false;
}

/* The first octet of payload says how this call is made. */
static void choose(struct gather *g)
{
	struct siw_tx *tx = &g->qp->tx;
	const struct siw_tx_fpdu *f;
	struct siw_tx_piece piece;
	struct siw_piece p;
	u32 i, off;

	g->how = SIW_COPY;
	for (i = 0; i < siw_tx_count(tx); i++) {
		f = siw_tx_unsent(tx, i, &off);
		if (!first_payload(f, off, &piece))
			continue;
		if (!siw_msg_piece(g->qp, f->ctx, piece.off, piece.len, &p))
			g->how = how_of(g, f->ctx, &p);
		return;
	}
}

/* May what an FPDU carries still be read? The first part that TCP takes of it
 * decides for all of it.
 */
static int check_source(const struct siw_tx_fpdu *f, u32 begun)
{
	const struct siw_msg *m = f->ctx;
	struct siw_tx_piece piece;

	if (m->kind != SIW_MSG_RRESP || !f->pay_len ||
	    READ_ONCE(m->mem[0]->valid) || !first_payload(f, begun, &piece))
		return 0;
	return begun ? -EFAULT : -ESTALE;
}

/* Return: 1: all of it; 0: as much as fits or may be; -errno */
static int gather_fpdu(struct gather *g, const struct siw_tx_fpdu *f, u32 off)
{
	struct siw_tx_piece piece;
	int rv;

	for (; siw_tx_piece(f, off, &piece); off += piece.len) {
		rv = piece.own ? add_own(g, &piece) :
				 add_payload(g, f->ctx, piece.off, piece.len);
		if (rv <= 0)
			return rv;
	}
	return 1;
}

/* Return: 1: all that is unsent; 0: as much as fits or may be; -errno */
static int gather_parts(struct gather *g)
{
	struct siw_tx *tx = &g->qp->tx;
	const struct siw_tx_fpdu *f;
	u32 i, off;
	int rv;

	for (i = 0; i < siw_tx_count(tx); i++) {
		f = siw_tx_unsent(tx, i, &off);
		if (!has_room(g, f->wire_len - off)) {
			g->held = true;
			return 0;
		}
		rv = check_source(f, off);
		if (rv)
			return g->bytes ? 0 : rv;
		rv = gather_fpdu(g, f, off);
		if (rv <= 0)
			return rv;
	}
	return 1;
}

static int gather(struct gather *g)
{
	int rv;

	choose(g);
	rv = gather_parts(g);
	/* Nothing at all, for want of a page: then copy. */
	if (!rv && !g->bytes && g->no_memory) {
		g->how = SIW_COPY;
		rv = gather_parts(g);
	}
	return rv;
}

/* If there is no room for anything: have write_space called, and look again. */
static int gather_more(struct gather *g)
{
	struct socket *sock = g->qp->sock;
	int rv;

	g->room = room_of(sock->sk);
	rv = gather(g);
	if (rv || g->bytes)
		return rv;
	set_bit(SOCK_NOSPACE, &sock->flags);
	smp_mb__after_atomic(); /* pairs with the one in tcp_check_space() */
	g->room = room_of(sock->sk);
	g->held = false;
	return gather(g);
}

/* --- sending ------------------------------------------------------------ */

static int send_locked(struct sock *sk, struct gather *g, struct msghdr *msg)
{
	switch (g->how) {
	case SIW_SPLICE:
		return siw_compat_splice(sk, msg, g->bytes);
	case SIW_LEND:
		msg->msg_flags |= MSG_ZEROCOPY;
		msg->msg_ubuf = siw_loan_ubuf(g->loan);
		break;
	default:
		break;
	}
	return tcp_sendmsg_locked(sk, msg, g->bytes);
}

static int send_sleeping(struct sock *sk, struct gather *g,
			 struct msghdr *msg)
{
	int rv;

	lock_sock(sk);
	rv = send_locked(sk, g, msg);
	release_sock(sk);
	return rv;
}

/*
 * With its spinlock held, and owned by nobody, the socket is ours as much as
 * it is a softirq's: the call below allocates with sk_allocation (GFP_ATOMIC)
 * and sleeps only to wait for space, which MSG_DONTWAIT forbids.
 */
static int send_atomic(struct sock *sk, struct gather *g, struct msghdr *msg)
{
	int rv = -EBUSY;

	local_bh_disable();
	if (spin_trylock(&sk->sk_lock.slock)) {
		if (!sock_owned_by_user_nocheck(sk))
			rv = send_locked(sk, g, msg);
		spin_unlock(&sk->sk_lock.slock);
	}
	local_bh_enable();
	return rv;
}

/* Without memory for a loan the same pages are copied. */
static void borrow(struct gather *g)
{
	if (g->how != SIW_LEND)
		return;
	g->loan = siw_loan_new(g->qp);
	if (g->loan)
		siw_loan_begin(g->loan, g->wr, g->wr_cnt);
	else
		g->how = SIW_COPY;
}

static void count_payload(struct gather *g, u32 sent)
{
	u32 pay = 0;
	u32 i;

	for (i = 0; i < g->cnt && sent; i++) {
		u32 n = min(sent, g->qp->bv[i].bv_len);

		if (!test_bit(i, g->own))
			pay += n;
		sent -= n;
	}
	siw_count_n(g->qp->sdev, g->how == SIW_COPY ? SIW_CNT_TX_COPY_BYTES :
		    SIW_CNT_TX_ZCOPY_BYTES, pay);
}

static int send(struct siw_qp *qp, struct gather *g, bool may_sleep, bool more)
{
	struct sock *sk = qp->sock->sk;
	struct msghdr msg = {
		.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL |
			     (more ? MSG_MORE : 0),
	};
	int rv;

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, qp->bv, g->cnt, g->bytes);
	borrow(g);
	if (may_sleep)
		rv = send_sleeping(sk, g, &msg);
	else
		rv = send_atomic(sk, g, &msg);
	if (g->loan)
		siw_loan_sent(g->loan, rv > 0);
	if (rv > 0)
		count_payload(g, rv);
	return rv;
}

/**
 * siw_tx_push() - hand the FPDUs of the ring to TCP
 * @qp: started
 * @may_sleep: the socket lock may be waited for
 * @more: other FPDUs follow at once
 *
 * Context: owner of qp->tx_state; process context that holds no lock if
 * @may_sleep, otherwise any but hard interrupt.
 * Return: 1: TCP has all; 0: the socket is full, its write_space will call;
 * -EBUSY: somebody has the socket locked; -ESTALE: the first FPDU, not begun,
 * is of a Read Response whose source was taken away; another -errno: the
 * connection is dead.
 */
int siw_tx_push(struct siw_qp *qp, bool may_sleep, bool more)
{
	while (siw_tx_count(&qp->tx)) {
		struct gather g = { .qp = qp };
		int rv = gather_more(&g);

		if (rv < 0)
			return rv;
		if (!g.bytes) {
			siw_count(qp->sdev, SIW_CNT_TX_FULL);
			return 0;
		}
		rv = send(qp, &g, may_sleep, !g.held && (more || !rv));
		trace_siw_tx_push(qp, g.how, g.bytes, rv);
		siw_dbg(qp->sdev, DBG_TX, "QP %u: %u octets to TCP: %d\n",
			qp->base.qp_num, g.bytes, rv);
		if (rv == -EAGAIN) {
			siw_count(qp->sdev, SIW_CNT_TX_FULL);
			return 0;
		}
		if (rv < 0)
			return rv;
		siw_count(qp->sdev, SIW_CNT_TX_BATCHES);
		siw_count_n(qp->sdev, SIW_CNT_TX_BYTES, rv);
		siw_tx_sent(&qp->tx, rv);
		qp->tx_bytes -= min_t(u32, qp->tx_bytes, rv);
	}
	return 1;
}
