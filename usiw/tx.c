// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * FPDUs to TCP. Headers, payload and trailers of many FPDUs are gathered into
 * one vector and handed over by one call, which copies.
 *
 * TCP is never waited for: what does not fit stays in the ring, and EPOLLOUT
 * brings the sender back. The call is made without usiw_lock(): qp->sending says
 * whose the transmit machine is then.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "priv.h"
#include "sys.h"

#define IOV_CNT		160		/* a full ring with some SGEs each */
#define MULPDU_AGE	64		/* looks until it is asked for again */

/* What one call hands over; on the stack of who makes it */
struct load {
	struct iovec iov[IOV_CNT];
	__be32 marker[IOV_CNT];		/* those that iov[] names */
	int cnt;
};

/**
 * usiw_tx_mulpdu() - the longest ULPDU that fits a segment of the connection
 * @qp: QP with a socket
 *
 * Return: octets.
 * RFC 5044 §4.5
 */
u32 usiw_tx_mulpdu(struct usiw_qp *qp)
{
	socklen_t len = sizeof(int);
	int mss = 0;

	if (qp->mulpdu && qp->mulpdu_age++ < MULPDU_AGE)
		return qp->mulpdu;
	qp->mulpdu_age = 0;
	if (!sys_getsockopt(qp->ep->fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) &&
	    mss > 0)
		qp->mulpdu = qp->tx.markers ? siw_mulpdu_marked((u32)mss) :
					      siw_mulpdu((u32)mss);
	else if (!qp->mulpdu)
		qp->mulpdu = siw_mulpdu(0);
	return qp->mulpdu;
}

/* --- payload ----------------------------------------------------------- */

/**
 * usiw_tx_readable() - can payload be read, as far as one can know?
 * @qp: QP
 * @m: message
 * @off: first octet, from the start of the message
 * @len: octets
 *
 * Return: false if not.
 */
bool usiw_tx_readable(struct usiw_qp *qp, const struct usiw_msg *m, u32 off,
		      u32 len)
{
	const struct siw_sge *sge = m->sqe.sge;
	struct iovec v[SIW_MAX_SGE];
	int i;

	if (usiw_msg_iov(qp, m, off, len, v, SIW_MAX_SGE) < 0)
		return false;
	for (i = 0; len && i < m->num_sge; i++) {
		u32 part;

		if (off >= sge[i].length) {
			off -= sge[i].length;
			continue;
		}
		part = sge[i].length - off;
		if (part > len)
			part = len;
		if (!usiw_mr_readable(m->mr[i], sge[i].laddr + off, part))
			return false;
		len -= part;
		off = 0;
	}
	return true;
}

/**
 * usiw_tx_crc_pay() - finish the trailer of an FPDU
 * @qp: QP
 * @m: message that the FPDU is of
 * @f: just cut
 *
 * Return: 0; -EFAULT: the payload cannot be read, @f is sealed all the same.
 * RFC 5044 §4.4
 */
int usiw_tx_crc_pay(struct usiw_qp *qp, const struct usiw_msg *m,
		    struct siw_tx_fpdu *f)
{
	struct iovec v[SIW_MAX_SGE];
	struct siw_tx_piece p;
	u32 off, crc = ~0u;
	int n, rv = 0;

	for (off = 0; f->crc_on && !rv && siw_tx_piece(f, off, &p);
	     off += p.len) {
		if (p.own) {
			crc = siw_crc32c(crc, p.own, p.len);
			continue;
		}
		n = usiw_msg_iov(qp, m, p.off, p.len, v, SIW_MAX_SGE);
		rv = n < 0 ? n : usiw_crc_from(v, n, &crc);
	}
	siw_tx_seal(f, crc);
	return rv;
}

/* --- gathering --------------------------------------------------------- */

/* Return: elements of iov[] taken; -ENOSPC; -errno: memory was taken away */
static int add(struct usiw_qp *qp, const struct siw_tx_piece *p,
	       const struct usiw_msg *m, struct load *l)
{
	struct iovec *v = &l->iov[l->cnt];

	if (!p->own)
		return usiw_msg_iov(qp, m, p->off, p->len, v,
				    IOV_CNT - l->cnt);
	if (l->cnt == IOV_CNT)
		return -ENOSPC;
	v->iov_base = (void *)p->own;
	v->iov_len = p->len;
	if (p->marker) {
		v->iov_base = &l->marker[l->cnt];
		memcpy(v->iov_base, p->own, p->len);
	}
	return 1;
}

/* Return: 1: all that is unsent; 0: as much as fits or may be; -errno */
static int gather(struct usiw_qp *qp, struct load *l)
{
	const struct siw_tx_fpdu *f;
	struct siw_tx_piece p;
	u32 i, off, begun;
	int n, first;

	l->cnt = 0;
	for (i = 0; i < siw_tx_count(&qp->tx); i++) {
		f = siw_tx_unsent(&qp->tx, i, &begun);
		first = l->cnt;
		for (off = begun; siw_tx_piece(f, off, &p); off += p.len) {
			n = add(qp, &p, f->ctx, l);
			if (n == -ENOSPC)
				return 0;
			if (n < 0) {
				/* nor what comes before it in the FPDU */
				l->cnt = first;
				if (first)
					return 0;
				return begun ? -EFAULT : -ESTALE;
			}
			l->cnt += n;
		}
	}
	return 1;
}

static void account(struct usiw_qp *qp, u32 n)
{
	siw_tx_sent(&qp->tx, n);
	qp->tx_bytes -= n < qp->tx_bytes ? n : qp->tx_bytes;
}

/**
 * usiw_tx_push() - hand the FPDUs of the ring to TCP
 * @qp: started; the caller is the sender
 * @more: other FPDUs follow at once
 * @let_go: the lock may be given back meanwhile
 *
 * Return: 1: TCP has all; 0: TCP is full; -ESTALE: the first FPDU, not begun,
 * carries memory that was deregistered; -EFAULT: so does one that was begun, or
 * the memory cannot be read; -ECANCELED: the connection was taken away
 * meanwhile; another -errno: the connection is dead.
 */
int usiw_tx_push(struct usiw_qp *qp, bool more, bool let_go)
{
	struct load l;
	struct msghdr msg = { .msg_iov = l.iov };
	struct usiw_call c = { .send = true, .msg = &msg };
	u32 life = qp->life;
	ssize_t n;
	int rv;

	while (siw_tx_count(&qp->tx)) {
		rv = gather(qp, &l);
		if (rv < 0)
			return rv;
		msg.msg_iovlen = (size_t)l.cnt;
		c.fd = qp->ep->fd;
		c.flags = MSG_NOSIGNAL | (more || !rv ? MSG_MORE : 0);
		n = let_go ? usiw_io_run(&qp->tx_io, &c) : usiw_io_now(&c);
		if (n == -EAGAIN)
			return 0;
		if (n == -ECANCELED && qp->life != life)
			return -ECANCELED;
		if (n == -EINTR || n == -ECANCELED)
			continue;
		if (n < 0)
			return (int)n;
		account(qp, (u32)n);
	}
	return 1;
}

/**
 * usiw_tx_settle() - see what a call of the sender that is under way has sent
 * @qp: QP
 *
 * Waits for its end. The sender goes on behind that, unless its connection is
 * being taken away.
 */
void usiw_tx_settle(struct usiw_qp *qp)
{
	ssize_t n = usiw_io_settle(&qp->tx_io);

	if (n > 0)
		account(qp, (u32)n);
}

/* --- copying -------------------------------------------------------------- */

static bool copy_piece(struct usiw_qp *qp, const struct siw_tx_piece *p,
		       const struct usiw_msg *m, u8 *to)
{
	struct iovec v[SIW_MAX_SGE];
	int n;

	if (p->own) {
		memcpy(to, p->own, p->len);
		return true;
	}
	n = usiw_msg_iov(qp, m, p->off, p->len, v, SIW_MAX_SGE);
	return n >= 0 && !usiw_copy_from(to, v, n, p->len);
}

/**
 * usiw_tx_copy() - the octets that TCP does not have yet
 * @qp: QP
 * @to: result, if not NULL
 *
 * Return: octets at @to; 0 if some cannot be read.
 */
u32 usiw_tx_copy(struct usiw_qp *qp, u8 *to)
{
	const struct siw_tx_fpdu *f;
	struct siw_tx_piece p;
	u32 i, off, len = 0;

	for (i = 0; i < siw_tx_count(&qp->tx); i++) {
		f = siw_tx_unsent(&qp->tx, i, &off);
		for (; siw_tx_piece(f, off, &p); off += p.len) {
			if (to && !copy_piece(qp, &p, f->ctx, to + len))
				return 0;
			len += p.len;
		}
	}
	return len;
}
