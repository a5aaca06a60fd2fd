// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * FPDUs to TCP. Headers, payload and trailers of many FPDUs are gathered into
 * one vector and handed over by one call, which copies.
 *
 * TCP is never waited for: what does not fit stays in the ring, and EPOLLOUT
 * brings the sender back. Under usiw_lock().
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "priv.h"
#include "sys.h"

#define IOV_CNT		160		/* a full ring with some SGEs each */
#define MULPDU_AGE	64		/* looks until it is asked for again */

static struct iovec iov[IOV_CNT];

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
		qp->mulpdu = siw_mulpdu((u32)mss);
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
	u32 crc = siw_tx_crc_seed(f);
	struct iovec v[SIW_MAX_SGE];
	int n, rv = 0;

	if (f->crc_on && f->pay_len) {
		n = usiw_msg_iov(qp, m, f->pay_off, f->pay_len, v, SIW_MAX_SGE);
		rv = n < 0 ? n : usiw_crc_from(v, n, &crc);
	}
	siw_tx_seal(f, crc);
	return rv;
}

/* --- gathering --------------------------------------------------------- */

static bool add(int *cnt, const void *p, u32 len)
{
	if (!len)
		return true;
	if (*cnt == IOV_CNT)
		return false;
	iov[*cnt].iov_base = (void *)p;
	iov[(*cnt)++].iov_len = len;
	return true;
}

/* Of a message whose memory was taken away, may TCP have a part already? */
static int lost(const struct siw_tx_part *part)
{
	return part->hdr_len == sizeof(struct ddp_tagged_hdr) ||
	       part->hdr_len == sizeof(struct ddp_untagged_hdr) ? -ESTALE :
								  -EFAULT;
}

/* Return: 1: all that is unsent; 0: as much as fits or may be; -errno */
static int gather(struct usiw_qp *qp, int *cnt)
{
	struct siw_tx_part part;
	u32 i;
	int n;

	*cnt = 0;
	for (i = 0; i < siw_tx_count(&qp->tx); i++) {
		siw_tx_part(&qp->tx, i, &part);
		if (!add(cnt, part.hdr, part.hdr_len))
			return 0;
		n = usiw_msg_iov(qp, part.ctx, part.pay_off, part.pay_len,
				 iov + *cnt, IOV_CNT - *cnt);
		if (n == -ENOSPC)
			return 0;
		if (n < 0) {
			/* neither the header of what cannot follow */
			*cnt -= part.hdr_len ? 1 : 0;
			return *cnt ? 0 : lost(&part);
		}
		*cnt += n;
		if (!add(cnt, part.trl, part.trl_len))
			return 0;
	}
	return 1;
}

/**
 * usiw_tx_push() - hand the FPDUs of the ring to TCP
 * @qp: started
 * @more: other FPDUs follow at once
 *
 * Return: 1: TCP has all; 0: TCP is full; -ESTALE: the first FPDU, not begun,
 * carries memory that was deregistered; -EFAULT: so does one that was begun, or
 * the memory cannot be read; another -errno: the connection is dead.
 */
int usiw_tx_push(struct usiw_qp *qp, bool more)
{
	struct msghdr msg = { .msg_iov = iov };
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t n;
	int rv, cnt;

	while (siw_tx_count(&qp->tx)) {
		rv = gather(qp, &cnt);
		if (rv < 0)
			return rv;
		msg.msg_iovlen = (size_t)cnt;
		n = sys_sendmsg(qp->ep->fd, &msg,
				flags | (more || !rv ? MSG_MORE : 0));
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		siw_tx_sent(&qp->tx, (u32)n);
		qp->tx_bytes -= n < qp->tx_bytes ? (u32)n : qp->tx_bytes;
	}
	return 1;
}
