// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Payload from socket buffers to where it belongs: one walk over the buffer,
 * each octet read once, CRC and copy while it is in the cache.
 *
 * Access is checked for the whole segment before anything of it is placed,
 * and that the memory is still registered at every chunk. RFC 5041 §7.1
 */
#include <linux/highmem.h>
#include <linux/skbuff.h>

#include "siw.h"

/* Where the octets go: a position in memory regions */
struct dest {
	struct siw_qp *qp;
	const struct siw_mem *mem;	/* tagged */
	u64 addr;			/* tagged */
	u32 mo;				/* untagged: offset in the RQE */
};

/**
 * siw_skb_crc() - continue a CRC32c over octets of a socket buffer
 * @skb: buffer
 * @off: first octet
 * @len: octets, not beyond the end
 * @crc: register so far
 *
 * Context: any.
 * Return: the register.
 */
u32 siw_skb_crc(struct sk_buff *skb, u32 off, u32 len, u32 crc)
{
	struct skb_seq_state st;
	u32 done = 0;
	const u8 *p;
	u32 n;

	skb_prepare_seq_read(skb, off, off + len, &st);
	while ((n = skb_seq_read(done, &p, &st))) {
		n = min(n, len - done);
		crc = siw_crc32c(crc, p, n);
		done += n;
	}
	return crc;
}

/* --- copying ------------------------------------------------------------ */

static int next_piece(struct dest *d, u32 len, struct siw_piece *p)
{
	const struct siw_rqe *rqe = &d->qp->rqe;
	u32 off = d->mo;
	int i;

	if (d->mem)
		return siw_mem_piece(d->mem, d->addr, len, p);
	for (i = 0; i < rqe->num_sge; i++) {
		const struct siw_sge *sge = &rqe->sge[i];

		if (off < sge->length)
			return siw_mem_piece(d->qp->rqe_mem[i],
					     sge->laddr + off,
					     min(len, sge->length - off), p);
		off -= sge->length;
	}
	return -EFAULT;
}

static void copy_piece(const struct siw_piece *p, const u8 *src)
{
	u32 off = p->off;
	u32 left = p->len;

	while (left) {
		u32 n = min_t(u32, left, PAGE_SIZE - offset_in_page(off));

		memcpy_to_page(p->page + (off >> PAGE_SHIFT),
			       offset_in_page(off), src, n);
		src += n;
		off += n;
		left -= n;
	}
}

static int copy_out(struct dest *d, const u8 *src, u32 len)
{
	struct siw_piece p;
	int rv;

	while (len) {
		rv = next_piece(d, len, &p);
		if (rv)
			return rv;
		copy_piece(&p, src);
		src += p.len;
		len -= p.len;
		d->addr += p.len;
		d->mo += p.len;
	}
	return 0;
}

static int copy_skb(struct dest *d, struct sk_buff *skb, u32 off, u32 len,
		    u32 *crc)
{
	struct skb_seq_state st;
	u32 done = 0;
	const u8 *p;
	u32 n;
	int rv;

	skb_prepare_seq_read(skb, off, off + len, &st);
	while ((n = skb_seq_read(done, &p, &st))) {
		n = min(n, len - done);
		if (crc)
			*crc = siw_crc32c(*crc, p, n);
		rv = copy_out(d, p, n);
		if (rv) {
			skb_abort_seq_read(&st);
			return rv;
		}
		done += n;
	}
	return done == len ? 0 : -EFAULT;
}

/* --- checks ------------------------------------------------------------- */

static enum siw_err find_write(struct siw_qp *qp,
			       const struct siw_rx_insn *insn, u32 len,
			       struct dest *d)
{
	struct siw_mem_view v;

	d->mem = siw_mem_find_rcu(qp->sdev, insn->stag);
	d->addr = insn->to;
	siw_mem_view(d->mem, &v);
	return siw_acc_err(siw_access(&v, qp->base.pd, READ_ONCE(qp->rights),
				      insn->to, len, SIW_R_REMOTE_WRITE),
			   SIW_ACC_TAGGED);
}

/* The core has matched STag, TO and length with the oldest Read. */
static enum siw_err find_read(struct siw_qp *qp,
			      const struct siw_rx_insn *insn, u32 len,
			      struct dest *d)
{
	struct siw_mem_view v = {};
	unsigned long flags;
	enum siw_acc acc = SIW_ACC_STAG;
	int i;

	spin_lock_irqsave(&qp->lock, flags);
	i = siw_rdq_head(&qp->orq_q);
	if (i >= 0) {
		d->mem = qp->orq[i].mem;
		d->addr = qp->orq[i].addr + (insn->to - qp->orq[i].to);
	}
	spin_unlock_irqrestore(&qp->lock, flags);
	siw_mem_view(d->mem, &v);
	/* the kernel's own lkey is of no protection domain */
	if (d->mem && d->mem == qp->sdev->dma_mem && qp->kernel)
		v.pd = qp->base.pd;
	acc = siw_access_sge(&v, qp->base.pd, d->addr, len,
			     SIW_R_LOCAL_WRITE);
	return siw_acc_err(acc, SIW_ACC_TAGGED);
}

static enum siw_err find(struct siw_qp *qp, const struct siw_rx_insn *insn,
			 u32 n, struct dest *d)
{
	u32 len = insn->flags & SIW_RX_F_SEG_START ? insn->seg_len : n;

	if (insn->op == SIW_RX_PLACE_UNTAGGED) {
		d->mo = insn->mo;
		return SIW_OK;	/* checked when it was taken */
	}
	if (insn->opcode == RDMAP_WRITE)
		return find_write(qp, insn, len, d);
	return find_read(qp, insn, len, d);
}

/**
 * siw_place() - put payload where it belongs
 * @qp: QP
 * @skb: where it is now
 * @skb_off: first octet in @skb
 * @insn: PLACE instruction
 * @n: octets, 1 to insn->len, not beyond the end of @skb
 * @crc: continued over the octets as they came; NULL if it is not wanted
 *
 * Context: under the socket lock and rcu_read_lock().
 * Return: SIW_OK, or why it must not be placed; nothing was placed then if
 * this was the start of the segment.
 * RFC 5041 §7.1, RFC 5044 §4.4
 */
enum siw_err siw_place(struct siw_qp *qp, struct sk_buff *skb, u32 skb_off,
		       const struct siw_rx_insn *insn, u32 n, u32 *crc)
{
	struct dest d = { .qp = qp };
	enum siw_err err = find(qp, insn, n, &d);

	if (err) {
		siw_count(qp->sdev, SIW_CNT_ACCESS_ERRORS);
		return err;
	}
	if (copy_skb(&d, skb, skb_off, n, crc))
		return SIW_E_ROP_STREAM;
	return SIW_OK;
}
