/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Tracepoints, events/siw in tracefs: the stages of a connection, of a work
 * request, of a message and its FPDUs.
 *
 *   connection	siw_cm (each step), siw_mpa_send, siw_mpa_recv, siw_qp_state
 *   WR		siw_wr_take, siw_wr_start, siw_wr_sent, siw_cqe; siw_rqe_take
 *   FPDU	siw_fpdu_cut, siw_tx_push, siw_fpdu_place, siw_msg_recv
 *   errors	siw_term_send, siw_term_recv, siw_fail
 *
 * They cost nothing while they are off, but for the jump over them. No event
 * shows payload.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM siw

#if !defined(SIW_KERNEL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SIW_KERNEL_TRACE_H

#include <linux/tracepoint.h>

#include "../compat/compat.h"
#include "cm.h"

#define siw_trace_wr_op(op)						\
	__print_symbolic(op, { SIW_OP_WRITE, "WRITE" },			\
			 { SIW_OP_READ, "READ" },			\
			 { SIW_OP_READ_LOCAL_INV, "READ_LOCAL_INV" },	\
			 { SIW_OP_SEND, "SEND" },			\
			 { SIW_OP_SEND_REMOTE_INV, "SEND_REMOTE_INV" },	\
			 { SIW_OP_INVAL_STAG, "INVAL_STAG" },		\
			 { SIW_OP_REG_MR, "REG_MR" },			\
			 { SIW_OP_RECEIVE, "RECEIVE" })

#define siw_trace_rdmap_op(op)						\
	__print_symbolic(op, { RDMAP_WRITE, "WRITE" },			\
			 { RDMAP_READ_REQ, "READ_REQ" },		\
			 { RDMAP_READ_RESP, "READ_RESP" },		\
			 { RDMAP_SEND, "SEND" },			\
			 { RDMAP_SEND_INVAL, "SEND_INVAL" },		\
			 { RDMAP_SEND_SE, "SEND_SE" },			\
			 { RDMAP_SEND_SE_INVAL, "SEND_SE_INVAL" },	\
			 { RDMAP_TERMINATE, "TERMINATE" })

/* --- connections -------------------------------------------------------- */

TRACE_EVENT(siw_cm,
	TP_PROTO(const struct siw_cep *cep, enum siw_cm_ev ev,
		 enum siw_cm_phase old, const struct siw_cm_step *step),
	TP_ARGS(cep, ev, old, step),
	TP_STRUCT__entry(
		__string(dev, dev_name(&cep->sdev->base.dev))
		__field(u64, cep)
		__field(u32, qpn)
		__string(ev, siw_cmsm_ev_name(ev))
		__string(old, siw_cmsm_phase_name(old))
		__string(next, siw_cmsm_phase_name(step->next))
		__field(u32, act)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&cep->sdev->base.dev));
		__entry->cep = cep->no;
		__entry->qpn = cep->qp ? cep->qp->base.qp_num : 0;
		siw_assign_str(ev, siw_cmsm_ev_name(ev));
		siw_assign_str(old, siw_cmsm_phase_name(old));
		siw_assign_str(next, siw_cmsm_phase_name(step->next));
		__entry->act = step->act;
	),
	TP_printk("%s cep=%llu qp=%u %s: %s -> %s act=%#x", __get_str(dev),
		  __entry->cep, __entry->qpn, __get_str(ev), __get_str(old),
		  __get_str(next), __entry->act)
);

DECLARE_EVENT_CLASS(siw_mpa,
	TP_PROTO(const struct siw_cep *cep, const struct siw_mpa_frame *f),
	TP_ARGS(cep, f),
	TP_STRUCT__entry(
		__string(dev, dev_name(&cep->sdev->base.dev))
		__field(u64, cep)
		__field(bool, reply)
		__field(bool, reject)
		__field(bool, crc)
		__field(bool, markers)
		__field(bool, p2p)
		__field(u8, rev)
		__field(u8, rtr)
		__field(u16, ird)
		__field(u16, ord)
		__field(u16, pd_len)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&cep->sdev->base.dev));
		__entry->cep = cep->no;
		__entry->reply = f->reply;
		__entry->reject = f->reject;
		__entry->crc = f->crc;
		__entry->markers = f->markers;
		__entry->p2p = f->p2p;
		__entry->rev = f->rev;
		__entry->rtr = f->rtr;
		__entry->ird = f->ird;
		__entry->ord = f->ord;
		__entry->pd_len = f->pd_len;
	),
	TP_printk("%s cep=%llu %s%s rev=%u crc=%d markers=%d p2p=%d rtr=%u ird=%u ord=%u pd_len=%u",
		  __get_str(dev), __entry->cep,
		  __entry->reply ? "reply" : "request",
		  __entry->reject ? " reject" : "", __entry->rev, __entry->crc,
		  __entry->markers, __entry->p2p, __entry->rtr, __entry->ird,
		  __entry->ord, __entry->pd_len)
);

DEFINE_EVENT(siw_mpa, siw_mpa_send,
	TP_PROTO(const struct siw_cep *cep, const struct siw_mpa_frame *f),
	TP_ARGS(cep, f)
);

DEFINE_EVENT(siw_mpa, siw_mpa_recv,
	TP_PROTO(const struct siw_cep *cep, const struct siw_mpa_frame *f),
	TP_ARGS(cep, f)
);

TRACE_EVENT(siw_qp_state,
	TP_PROTO(const struct siw_qp *qp, enum siw_qp_ev ev,
		 enum siw_qp_state old, const struct siw_qp_step *step),
	TP_ARGS(qp, ev, old, step),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__string(ev, siw_qpsm_ev_name(ev))
		__string(old, siw_qpsm_state_name(old))
		__string(next, siw_qpsm_state_name(step->next))
		__field(u32, act)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		siw_assign_str(ev, siw_qpsm_ev_name(ev));
		siw_assign_str(old, siw_qpsm_state_name(old));
		siw_assign_str(next, siw_qpsm_state_name(step->next));
		__entry->act = step->act;
	),
	TP_printk("%s qp=%u %s: %s -> %s act=%#x", __get_str(dev),
		  __entry->qpn, __get_str(ev), __get_str(old),
		  __get_str(next), __entry->act)
);

/* --- work requests ------------------------------------------------------ */

DECLARE_EVENT_CLASS(siw_wr,
	TP_PROTO(const struct siw_qp *qp, const struct siw_msg *m),
	TP_ARGS(qp, m),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__field(u64, id)
		__field(u32, wr)
		__field(u8, opcode)
		__field(u8, bad)
		__field(u16, flags)
		__field(u32, len)
		__field(u8, how)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		__entry->id = m->sqe.id;
		__entry->wr = m->wr;
		__entry->opcode = m->sqe.opcode;
		__entry->bad = m->bad;
		__entry->flags = m->sqe.flags;
		__entry->len = m->len;
		__entry->how = m->how;
	),
	TP_printk("%s qp=%u wr=%u id=%#llx %s flags=%#x len=%u status=%u %s",
		  __get_str(dev), __entry->qpn, __entry->wr, __entry->id,
		  siw_trace_wr_op(__entry->opcode), __entry->flags,
		  __entry->len, __entry->bad,
		  __print_symbolic(__entry->how, { SIW_COPY, "copy" },
				   { SIW_SPLICE, "splice" },
				   { SIW_LEND, "lend" }))
);

/* taken from the ring and checked; its message begins; TCP has all of it */
DEFINE_EVENT(siw_wr, siw_wr_take,
	TP_PROTO(const struct siw_qp *qp, const struct siw_msg *m),
	TP_ARGS(qp, m)
);

DEFINE_EVENT(siw_wr, siw_wr_start,
	TP_PROTO(const struct siw_qp *qp, const struct siw_msg *m),
	TP_ARGS(qp, m)
);

DEFINE_EVENT(siw_wr, siw_wr_sent,
	TP_PROTO(const struct siw_qp *qp, const struct siw_msg *m),
	TP_ARGS(qp, m)
);

TRACE_EVENT(siw_rqe_take,
	TP_PROTO(const struct siw_qp *qp, u32 capacity),
	TP_ARGS(qp, capacity),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__field(u64, id)
		__field(u32, capacity)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		__entry->id = qp->rqe.id;
		__entry->capacity = capacity;
	),
	TP_printk("%s qp=%u id=%#llx capacity=%u", __get_str(dev),
		  __entry->qpn, __entry->id, __entry->capacity)
);

TRACE_EVENT(siw_cqe,
	TP_PROTO(const struct siw_cq *cq, const struct siw_qp *qp,
		 const struct siw_wc *wc, bool notify),
	TP_ARGS(cq, qp, wc, notify),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, cqn)
		__field(u32, qpn)
		__field(u64, id)
		__field(u8, opcode)
		__field(u8, status)
		__field(u32, bytes)
		__field(bool, notify)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->cqn = cq->id;
		__entry->qpn = qp->base.qp_num;
		__entry->id = wc->id;
		__entry->opcode = wc->opcode;
		__entry->status = wc->status;
		__entry->bytes = wc->bytes;
		__entry->notify = notify;
	),
	TP_printk("%s cq=%u qp=%u id=%#llx %s status=%u bytes=%u%s",
		  __get_str(dev), __entry->cqn, __entry->qpn, __entry->id,
		  siw_trace_wr_op(__entry->opcode), __entry->status,
		  __entry->bytes, __entry->notify ? " notify" : "")
);

/* --- FPDUs -------------------------------------------------------------- */

TRACE_EVENT(siw_fpdu_cut,
	TP_PROTO(const struct siw_qp *qp, const struct siw_tx_fpdu *f),
	TP_ARGS(qp, f),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__field(u8, opcode)
		__field(u32, off)
		__field(u32, len)
		__field(bool, last)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		__entry->opcode = qp->tx.msg.opcode;
		__entry->off = f->pay_off;
		__entry->len = f->pay_len;
		__entry->last = f->last;
	),
	TP_printk("%s qp=%u %s off=%u len=%u%s", __get_str(dev), __entry->qpn,
		  siw_trace_rdmap_op(__entry->opcode), __entry->off,
		  __entry->len, __entry->last ? " last" : "")
);

TRACE_EVENT(siw_tx_push,
	TP_PROTO(const struct siw_qp *qp, u8 how, u32 bytes, int rv),
	TP_ARGS(qp, how, bytes, rv),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__field(u8, how)
		__field(u32, bytes)
		__field(int, rv)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		__entry->how = how;
		__entry->bytes = bytes;
		__entry->rv = rv;
	),
	TP_printk("%s qp=%u %s bytes=%u taken=%d", __get_str(dev),
		  __entry->qpn,
		  __print_symbolic(__entry->how, { SIW_COPY, "copy" },
				   { SIW_SPLICE, "splice" },
				   { SIW_LEND, "lend" }),
		  __entry->bytes, __entry->rv)
);

/* a piece of payload, up to the end of a socket buffer */
TRACE_EVENT(siw_fpdu_place,
	TP_PROTO(const struct siw_qp *qp, const struct siw_rx_insn *insn,
		 u32 n, enum siw_err err),
	TP_ARGS(qp, insn, n, err),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__field(u8, opcode)
		__field(bool, tagged)
		__field(bool, start)
		__field(u32, stag)
		__field(u64, to)
		__field(u32, len)
		__field(int, err)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		__entry->opcode = insn->opcode;
		__entry->tagged = insn->op == SIW_RX_PLACE_TAGGED;
		__entry->start = insn->flags & SIW_RX_F_SEG_START;
		__entry->stag = __entry->tagged ? insn->stag : 0;
		__entry->to = __entry->tagged ? insn->to : insn->mo;
		__entry->len = n;
		__entry->err = err;
	),
	TP_printk("%s qp=%u %s %s=%#llx stag=%#x len=%u%s err=%d",
		  __get_str(dev), __entry->qpn,
		  siw_trace_rdmap_op(__entry->opcode),
		  __entry->tagged ? "to" : "mo", __entry->to, __entry->stag,
		  __entry->len, __entry->start ? " start" : "", __entry->err)
);

TRACE_EVENT(siw_msg_recv,
	TP_PROTO(const struct siw_qp *qp, const struct siw_rx_insn *insn),
	TP_ARGS(qp, insn),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__field(u8, opcode)
		__field(u32, len)
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		__entry->opcode = insn->opcode;
		__entry->len = insn->msg_len;
	),
	TP_printk("%s qp=%u %s len=%u", __get_str(dev), __entry->qpn,
		  siw_trace_rdmap_op(__entry->opcode), __entry->len)
);

/* --- errors ------------------------------------------------------------- */

DECLARE_EVENT_CLASS(siw_error,
	TP_PROTO(const struct siw_qp *qp, const struct siw_term *t),
	TP_ARGS(qp, t),
	TP_STRUCT__entry(
		__string(dev, dev_name(&qp->sdev->base.dev))
		__field(u32, qpn)
		__field(u8, layer)
		__field(u8, etype)
		__field(u8, code)
		__string(why, siw_err_name(t->err))
	),
	TP_fast_assign(
		siw_assign_str(dev, dev_name(&qp->sdev->base.dev));
		__entry->qpn = qp->base.qp_num;
		__entry->layer = t->layer;
		__entry->etype = t->etype;
		__entry->code = t->code;
		siw_assign_str(why, siw_err_name(t->err));
	),
	TP_printk("%s qp=%u %x/%x/%02x %s", __get_str(dev), __entry->qpn,
		  __entry->layer, __entry->etype, __entry->code,
		  __get_str(why))
);

DEFINE_EVENT(siw_error, siw_fail,
	TP_PROTO(const struct siw_qp *qp, const struct siw_term *t),
	TP_ARGS(qp, t)
);

DEFINE_EVENT(siw_error, siw_term_send,
	TP_PROTO(const struct siw_qp *qp, const struct siw_term *t),
	TP_ARGS(qp, t)
);

DEFINE_EVENT(siw_error, siw_term_recv,
	TP_PROTO(const struct siw_qp *qp, const struct siw_term *t),
	TP_ARGS(qp, t)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
