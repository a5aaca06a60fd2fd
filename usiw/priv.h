/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The objects of the back half of usiw and the calls between its files.
 *
 *   lock.c	the lock, and system calls outside it
 *   engine.c	threads, epoll, timers, deferred work
 *   ep.c	calls of the front for end points; listening; sockets
 *   conn.c	events of a connection -> core/cmsm.c -> actions
 *   mpa.c up.c	startup frames; what the front is told
 *   qp.c rq.c	life and state of QPs, flushing; their receives
 *   sq.c wr.c	what is sent next; work requests, their completion
 *   tx.c	FPDUs to TCP
 *   rx.c	TCP to core/rx, placement
 *   claim.c	receiving by the thread that waits for it
 *   mr.c	STags, checked access to the program's memory
 *   atomic.c	Atomic Operations on it
 *   cq.c srq.c	completions, shared receive queues
 *
 * Everything is under usiw_lock(), but for the system calls that move data: these
 * are made without it, by the one who owns a direction of a QP (qp->sending,
 * qp->receiving). What must not happen in the middle of something else (a callback
 * into a connection out of its own data path, a flush while a receive is being
 * placed) is put off as work: usiw_work_run() does it before the lock is given
 * back. An end point is freed by its engine only, when no event for it can be
 * pending. docs/locking.md
 */
#ifndef USIW_PRIV_H
#define USIW_PRIV_H

#include <pthread.h>
#include <sys/uio.h>

#include "usiw.h"
#include "core/access.h"
#include "core/cmsm.h"
#include "core/rdq.h"
#include "core/rx.h"
#include "core/term.h"
#include "core/tx.h"

#define USIW_DEF_RDQ	32
#define USIW_PD_ROOM	255		/* what rdma_cm can say */
#define USIW_TX_MSGS	(SIW_TX_RING + 2)	/* cut, parked, Terminate */

/* --- lists ------------------------------------------------------------- */

struct usiw_list {
	struct usiw_list *next, *prev;
};

#define USIW_LIST(name) struct usiw_list name = { &name, &name }
#define usiw_entry(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline void usiw_list_init(struct usiw_list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool usiw_list_empty(const struct usiw_list *l)
{
	return l->next == l;
}

static inline void usiw_list_add(struct usiw_list *l, struct usiw_list *behind)
{
	l->prev = behind;
	l->next = behind->next;
	behind->next->prev = l;
	behind->next = l;
}

static inline void usiw_list_add_tail(struct usiw_list *l,
				      struct usiw_list *head)
{
	usiw_list_add(l, head->prev);
}

/* May be called again for what is in no list. */
static inline void usiw_list_del(struct usiw_list *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	usiw_list_init(l);
}

/* --- numbers of objects (mr.c) ----------------------------------------- */

/* Index -> object. An index is not used again soon after it was freed. */
struct usiw_table {
	uintptr_t *slot;	/* object, or next free index << 1 | 1 */
	u32 cnt;		/* slots there are */
	u32 max;		/* ... and may be */
	u32 first, last;	/* of the free ones; 0: none */
};

u32 usiw_table_add(struct usiw_table *t, void *obj);	/* 0: full */
void *usiw_table_find(const struct usiw_table *t, u32 i);
void usiw_table_del(struct usiw_table *t, u32 i);

/* --- lock.c ------------------------------------------------------------ */

/* A system call that moves data. */
struct usiw_call {
	bool send;
	int fd;
	int flags;
	struct msghdr *msg;
};

/* One such call under way without the lock: a QP has one of each direction. */
struct usiw_io {
	struct usiw_list entry;
	pthread_mutex_t busy;		/* for the time of the call */
	const struct usiw_call *call;	/* NULL: nobody waits for its result */
	u32 seq;			/* of its calls */
	ssize_t rv;			/* under @busy */
};

void usiw_io_init(struct usiw_io *io);
void usiw_io_fini(struct usiw_io *io);
ssize_t usiw_io_run(struct usiw_io *io, const struct usiw_call *c);
ssize_t usiw_io_now(const struct usiw_call *c);
void usiw_io_wait(struct usiw_io *io);
ssize_t usiw_io_settle(struct usiw_io *io);
void usiw_io_keep_off(u64 addr, u64 len);
void usiw_let_others(void);
void usiw_lock_alone(void);

/* --- engine.c ---------------------------------------------------------- */

/* Something to be done before the lock is given back. */
struct usiw_work {
	struct usiw_list entry;
	void (*run)(struct usiw_work *work);
};

void usiw_work_init(struct usiw_work *w, void (*run)(struct usiw_work *));
void usiw_work_add(struct usiw_work *w);
void usiw_work_cancel(struct usiw_work *w);
void usiw_work_run(void);
void usiw_work_run_top(void);		/* may let go of the lock on the way */
bool usiw_work_is_top(void);

/* Timers of a class mostly run for the same time. */
enum usiw_timer_class {
	USIW_T_CONNECT,
	USIW_T_REQUEST,
	USIW_T_REPLY,
	USIW_T_RTR,
	USIW_T_KNOCK,
	USIW_T_LINGER,
	USIW_T_SHORT,
	USIW_T_CNT
};

struct usiw_timer {
	struct usiw_list entry;
	u64 deadline;			/* ms */
	void (*fire)(struct usiw_timer *t);
};

void usiw_timer_init(struct usiw_timer *t, void (*fire)(struct usiw_timer *));
void usiw_timer_arm(struct usiw_timer *t, enum usiw_timer_class c, u32 ms);
void usiw_timer_stop(struct usiw_timer *t);
static inline bool usiw_timer_armed(const struct usiw_timer *t)
{
	return !usiw_list_empty(&t->entry);
}

/* Which EPOLL* events of ep->fd are of interest; 0: only errors. */
int usiw_poll(struct usiw_ep *ep, u32 events);
void usiw_poll_stop(struct usiw_ep *ep);
void usiw_bury(struct usiw_ep *ep);	/* have the engine free it */
void usiw_reap_idle(void);
void usiw_log(int level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* --- memory (mr.c) ----------------------------------------------------- */

struct usiw_mr {
	const struct usiw_pd *pd;
	u64 addr, len, iova;
	u32 stag;
	u32 ref;
	bool valid;
	u8 rights;			/* SIW_R_* */
	u64 read_lo, read_hi;		/* known to be readable */
};

u32 usiw_stag_name(u32 slot);
u32 usiw_stag_slot(u32 name);

struct usiw_mr *usiw_mr_find(u32 stag);
void usiw_mr_view(const struct usiw_mr *mr, struct siw_mem_view *v);
void usiw_mr_put(struct usiw_mr *mr);		/* NULL is fine */
enum siw_acc usiw_mr_get_sge(struct usiw_qp *qp, const struct siw_sge *sge,
			     u8 need, struct usiw_mr **mr);
void *usiw_mr_ptr(const struct usiw_mr *mr, u64 to);
bool usiw_mr_readable(struct usiw_mr *mr, u64 to, u32 len);

/*
 * Octets that arrived, and octets whose CRC is computed, are in a file in
 * memory: preadv() and pwritev() move them to and from the program's memory,
 * which give an error where memcpy() would end the process.
 */
#define USIW_STAGE_HEAD	(68 << 10)	/* begun FPDU, in front of ... */
#define USIW_STAGE_LEN	(256 << 10)	/* what recv() gets at a time */
#define USIW_CLAIMS	4
/* one for each thread that receives */
#define USIW_STAGES	(USIW_ENGINES_MAX + USIW_CLAIMS)
#define USIW_SCRATCH	(64 << 10)

int usiw_stage_init(void);
u8 *usiw_stage(u32 i);		/* USIW_STAGE_HEAD + USIW_STAGE_LEN */
void usiw_stage_forked(void);
int usiw_copy_to(const struct iovec *to, int cnt, const u8 *stage, u32 len);
int usiw_crc_from(const struct iovec *from, int cnt, u32 *crc);
int usiw_copy_from(u8 *to, const struct iovec *from, int cnt, u32 len);
int usiw_copy_in(void *to, const void *from, u32 len);

/* --- completion queues (cq.c) ------------------------------------------ */

struct usiw_cq {
	struct siw_cqe *ring;
	struct siw_cq_ctrl *ctrl;	/* behind the last element */
	u32 num_cqe;
	u32 put;
	u32 id;
	struct usiw_qp *hot;		/* whose the last completion is */
	bool overflow;
	bool dead;
	struct usiw_work work;		/* it overflowed */
	struct usiw_list all;
	void *owner;
};

struct usiw_wc {
	u64 id;
	u8 opcode;			/* enum siw_opcode, USIW_OP_* */
	bool has_inval;
	bool has_imm;
	bool solicited;			/* or an error: fires a solicited arm */
	enum siw_wc_status status;
	u32 bytes;
	u32 inval_stag;
	u64 imm;			/* the first octet on top */
	enum siw_err reason;		/* of what is no success; SIW_OK: none */
};

void usiw_cq_add(struct usiw_cq *cq, u32 qpn, const struct usiw_wc *wc);
void usiw_cq_forked(void);

/* --- shared receive queues (srq.c) ------------------------------------- */

struct usiw_srq {
	const struct usiw_pd *pd;
	struct siw_rqe *ring;
	u32 num_rqe;
	u32 max_sge;
	u32 get;
	u32 limit;
	void *owner;
};

bool usiw_srq_pop(struct usiw_srq *srq, struct siw_rqe *rqe);

/* --- queue pairs ------------------------------------------------------- */

/* In-order completion of the SQ: one entry per WR taken from the ring. */
struct usiw_wr {
	u64 id;
	u8 opcode;
	bool done;
	u16 flags;			/* SIW_WQE_* */
	u16 status;			/* enum siw_wc_status */
	u32 bytes;
};

/* One Read or Atomic Operation we have asked for. */
struct usiw_orqe {
	struct usiw_mr *mr;		/* sink, referenced */
	bool atomic;
	u32 id;				/* ... its Request Identifier */
	u64 to;
	u32 stag;
	u32 len;
	u32 wr;				/* index of its struct usiw_wr */
	u32 inval_stag;			/* READ_LOCAL_INV, else 0 */
	bool rtr;			/* has no WR: nobody waits for it */
};

/* One that the peer has asked for. */
struct usiw_irqe {
	bool atomic;
	union {
		struct siw_rreq rreq;
		struct siw_areq areq;
	};
};

enum usiw_msg_kind {
	USIW_MSG_SQ,			/* a WR of the send queue, or its end */
	USIW_MSG_RRESP,			/* response for an IRQ entry */
	USIW_MSG_RTR,
	USIW_MSG_TERM,
};

/* A message handed to the transmit machine, until TCP has all of it. */
struct usiw_msg {
	struct usiw_list entry;		/* of the QP's, or free */
	enum usiw_msg_kind kind;
	bool aborted;			/* only the FPDU begun goes out */
	u8 num_sge;
	u8 bad;				/* parked: status it will fail with */
	u32 wr;				/* USIW_MSG_SQ: its struct usiw_wr */
	u32 len;			/* payload octets */
	u32 cut;			/* ... that are in cut FPDUs */
	u32 irq;			/* USIW_MSG_RRESP: index of IRQ entry */
	struct siw_sqe sqe;		/* private copy; sge[], inline data */
	struct usiw_mr *mr[SIW_MAX_SGE];	/* referenced */
};

struct usiw_qp {
	struct usiw_qp_attr a;
	struct usiw_list all;
	struct usiw_work work;
	u32 num;
	u32 ref;			/* destroyed: those who still use it */
	bool gone;			/* it is destroyed */
	u32 access;			/* IBV_ACCESS_* */
	enum siw_qp_state state;
	u8 rights;			/* SIW_R_REMOTE_* of @access */
	bool dead;			/* the parent's, we are its child */
	bool kick;			/* work: send */
	bool flush;			/* work: flush */
	bool last_wqe_told;
	bool tell_drained;		/* SQ_DRAINED was asked for */
	enum siw_err why;		/* what went wrong first */
	u32 ird, ord;			/* connection's */
	struct usiw_ep *ep;

	/*
	 * Who moves data with a system call does it without the lock; another
	 * connection meanwhile shows by @life.
	 */
	u32 life;			/* connections so far */
	bool sending, receiving;	/* somebody does: it has tx, rx */
	bool tx_again;			/* ... and has to look once more */
	struct usiw_io tx_io, rx_io;

	u32 sq_get, rq_get;		/* free running */
	struct usiw_wr *wr;
	u32 num_wr;			/* power of two */
	u32 wr_put, wr_get;
	struct usiw_list flush_entry;	/* in error: looked at now and then */

	/* outbound and inbound Reads and Atomics; stores: with the first */
	struct siw_rdq orq_q, irq_q;
	struct usiw_orqe *orq;
	struct usiw_irqe *irq;
	u32 areq_id;			/* of the last Atomic Request */

	/* what the QP's table asked of the sender */
	bool started;			/* ep->fd, rx and tx are set up */
	bool gate;			/* we may send */
	bool stop_tx;
	bool drain;
	bool shut_wr;
	bool term_pending;
	struct siw_term term;

	struct siw_tx tx;
	struct usiw_list msgs;
	u32 msg_cnt;
	struct usiw_msg *cut;		/* message being cut */
	struct usiw_msg *parked;	/* next of the SQ, has to wait */
	bool half_wr;			/* ... or the end of the last WR */
	u32 tx_bytes;			/* in FPDUs cut and not sent */
	u32 mulpdu;
	u32 mulpdu_age;
	u32 irq_run;			/* Read Responses begun, not done */
	bool irq_rtr;			/* the first Read is the RTR */
	u8 rtr;				/* RTR to send first, SIW_MPA_RTR_* */
	u8 rresp_run;
	bool tx_aborted;
	bool tx_dead;			/* TCP takes no more */
	bool tx_full;			/* waiting for EPOLLOUT */
	bool shut_told;
	u8 term_buf[RDMAP_TERM_MAX];

	struct siw_rx rx;
	bool rqe_busy;
	bool rx_stopped;		/* discard input; once set stays */
	bool gate_told;
	bool no_bulk;			/* octets have to be seen first */
	u8 rx_bulk;			/* large segments are to be expected */
	struct siw_rqe rqe;		/* current RQE, private copy */
	struct usiw_mr *rqe_mr[SIW_MAX_SGE];	/* referenced */
};

/* qp.c */
extern struct usiw_list usiw_qps;
int usiw_qp_event(struct usiw_qp *qp, enum siw_qp_ev ev);
void usiw_qp_fail(struct usiw_qp *qp, const struct siw_term *term);
void usiw_qp_fail_local(struct usiw_qp *qp, enum siw_err err);
void usiw_qp_kick(struct usiw_qp *qp);
void usiw_qp_get(struct usiw_qp *qp);
void usiw_qp_put(struct usiw_qp *qp);

/* Everything the data path must know of a negotiated connection. */
struct usiw_link {
	struct usiw_ep *ep;
	bool initiator;
	bool crc;
	bool markers_tx, markers_rx;
	u8 rtr_tx;			/* initiator: RTR to send, or 0 */
	u8 rtr_rx;			/* responder: RTR agreed, or 0 */
	u32 ird, ord;
};

int usiw_qp_prepare(struct usiw_qp *qp, struct usiw_ep *ep);
int usiw_qp_start(struct usiw_qp *qp, const struct usiw_link *link);
void usiw_qp_peer_fin(struct usiw_qp *qp);	/* what came before is read */
void usiw_qp_detach(struct usiw_qp *qp);
enum siw_err usiw_qp_why(const struct usiw_qp *qp);
void usiw_qp_blame(struct usiw_qp *qp, enum siw_err err);
void usiw_qp_forked(void);

/* rq.c */
void usiw_qp_drop_rqe(struct usiw_qp *qp, enum siw_wc_status status);
bool usiw_rq_pop(struct usiw_qp *qp, struct siw_rqe *rqe);
void usiw_rqe_complete(struct usiw_qp *qp, struct usiw_wc *wc);
void usiw_rqe_fail(struct usiw_qp *qp, const struct siw_rqe *rqe,
		   enum siw_wc_status status);

/* wr.c: work requests of the SQ */
struct usiw_msg *usiw_msg_new(struct usiw_qp *qp, enum usiw_msg_kind kind);
void usiw_msg_free(struct usiw_qp *qp, struct usiw_msg *m);
int usiw_msg_iov(struct usiw_qp *qp, const struct usiw_msg *m, u32 off, u32 len,
		 struct iovec *v, int max);
struct usiw_msg *usiw_wr_fetch(struct usiw_qp *qp);
bool usiw_wr_blocked(struct usiw_qp *qp, const struct usiw_msg *m);

/* What a struct siw_tx_msg points to until siw_tx_start() */
struct usiw_req {
	struct siw_rreq rreq;
	struct siw_areq areq;
};

int usiw_wr_message(struct usiw_qp *qp, struct usiw_msg *m,
		    struct siw_tx_msg *tm, struct usiw_req *req);
struct usiw_msg *usiw_wr_split(struct usiw_qp *qp, const struct usiw_msg *m);
bool usiw_wr_ends(const struct usiw_msg *m);
bool usiw_wr_reads(const struct usiw_msg *m);
void usiw_wr_done(struct usiw_qp *qp, u32 wr, enum siw_wc_status status,
		  u32 bytes);
bool usiw_wr_flush(struct usiw_qp *qp);
void usiw_wr_peer_term(struct usiw_qp *qp, const struct siw_term *term);

/* atomic.c */
enum siw_err usiw_atomic(const struct usiw_qp *qp, const struct siw_areq *a,
			 u64 *old);
enum siw_err usiw_atomic_place(struct usiw_qp *qp, u64 old);

/* sq.c */
void usiw_tx_run(struct usiw_qp *qp);
void usiw_tx_run_top(struct usiw_qp *qp);	/* may let go of the lock */
void usiw_tx_catch_up(struct usiw_qp *qp);
void usiw_tx_knock(struct usiw_qp *qp);
u32 usiw_tx_rest(struct usiw_qp *qp, u8 **rest, bool *lost);
struct usiw_orqe *usiw_orq_push(struct usiw_qp *qp);

/* tx.c. 1: all gone, 0: TCP is full, -ECANCELED: it is over, -errno */
int usiw_tx_push(struct usiw_qp *qp, bool more, bool let_go);
void usiw_tx_settle(struct usiw_qp *qp);
bool usiw_tx_readable(struct usiw_qp *qp, const struct usiw_msg *m, u32 off,
		      u32 len);
int usiw_tx_crc_pay(struct usiw_qp *qp, const struct usiw_msg *m,
		    struct siw_tx_fpdu *f);
u32 usiw_tx_mulpdu(struct usiw_qp *qp);
u32 usiw_tx_copy(struct usiw_qp *qp, u8 *to);

/* rx.c */
enum usiw_rx_end {
	USIW_RX_WAIT,			/* all that is there was taken */
	USIW_RX_MORE,			/* others have a turn first */
	USIW_RX_FIN,
	USIW_RX_LOST,			/* RST or worse */
	USIW_RX_OVER,			/* not ours any more, or gone */
};

enum usiw_rx_end usiw_rx_run(struct usiw_qp *qp, u32 stage);
enum usiw_rx_end usiw_rx_drop(int fd);
void usiw_rx_forget(struct usiw_ep *ep);	/* drop what is left of it */
void usiw_rx_forked(void);

/* --- end points -------------------------------------------------------- */

/* What a connection or its QP has seen; worked off by conn.c. */
enum usiw_ep_bit {
	USIW_EP_GATE,			/* responder: first FPDU was valid */
	USIW_EP_SHUT,			/* FIN now */
	USIW_EP_ABORT,			/* RST */
	USIW_EP_QP_DISC,
	USIW_EP_QP_LINGER,
	USIW_EP_QP_CLOSED,
	USIW_EP_LOST,			/* sending failed */
};

/* Who gets the octets that arrive. */
enum usiw_ep_rx {
	USIW_EP_RX_MPA,
	USIW_EP_RX_QP,
	USIW_EP_RX_DROP,
};

/* The MPA exchange; gone once the data path runs. */
struct usiw_mpa {
	bool retried;			/* second attempt, revision 1 */
	struct siw_mpa_local local;
	struct siw_mpa_frame ours;	/* frame to send */
	struct siw_mpa_frame peer;	/* frame received, points into frame */
	struct siw_mpa_result res;
	u32 frame_len;			/* octets received */
	u8 frame[SIW_MPA_FRAME_MAX];
	u8 pd[SIW_MPA_PD_MAX];		/* of our Request */
};

struct usiw_ep {
	void *owner;
	struct usiw_list all;		/* all of them, or the buried */
	struct usiw_work work;
	struct usiw_timer timer;
	enum siw_cm_phase phase;
	u32 bits;			/* 1 << enum usiw_ep_bit */
	bool gone;			/* usiw_ep_destroy() was called */
	bool dead;			/* the parent's, we are its child */
	bool buried;
	bool passive;
	bool paused;			/* a listener: no more for now */
	bool v6only;
	u8 tos;

	int fd;
	int err;			/* why TCP failed, -errno */
	u32 polled;			/* EPOLL*, if @registered */
	bool registered;
	bool fin_seen;
	bool rst_seen;
	bool reset;			/* end with RST, not with FIN */
	bool shut;			/* our FIN is out */
	bool lingers;			/* the QP waits for the peer's FIN */
	bool heard;			/* ... and it says something */
	bool knocking;			/* the timer is for knock() */
	u8 knocks;
	enum usiw_ep_rx rx;
	struct usiw_qp *qp;
	struct usiw_mpa *mpa;
	u16 ird, ord;			/* agreed */

	struct usiw_claim *claim;	/* a thread that receives instead */
	u8 engine;			/* who looks after it, once @placed */
	bool placed;
	u8 stage;			/* where what is left is, or ... */
	u8 *left;			/* ... here: received, not worked off */
	u32 left_len;
	u8 *rest;			/* to be sent though the QP is gone */
	u32 rest_len, rest_sent;

	/* a listener */
	struct usiw_list kids;		/* set-ups without a Request, by age */
	u32 kid_cnt, kid_max;
	/* such a set-up */
	struct usiw_ep *listener;
	struct usiw_list kid;
	u64 born;			/* ms */

	struct sockaddr_storage local, remote;	/* wished for; on the wire */
};

/* ep.c */
extern struct usiw_list usiw_eps;
void usiw_ep_ready(struct usiw_ep *ep, u32 events);	/* EPOLL* */
void usiw_ep_receive(struct usiw_ep *ep, u32 stage);
void usiw_ep_to_names(struct usiw_ep *ep);
void usiw_ep_tune(int fd);
void usiw_ep_free(struct usiw_ep *ep);
int usiw_ep_tcp_connect(struct usiw_ep *ep);
void usiw_ep_close(struct usiw_ep *ep, bool keep_qp);
void usiw_ep_end(struct usiw_ep *ep);
void usiw_ep_interest(struct usiw_ep *ep);
void usiw_ep_forget_kid(struct usiw_ep *ep);
int usiw_ep_send(struct usiw_ep *ep, const void *buf, u32 len);
void usiw_ep_flush_rest(struct usiw_ep *ep);
void usiw_ep_forked(void);
struct usiw_ep *usiw_ep_alloc(void);
u32 usiw_ep_tail(struct usiw_ep *ep);		/* octets not read yet */

/* claim.c */
void usiw_claim_lost(struct usiw_ep *ep);
void usiw_claim_forked(void);

/* listen.c */
void usiw_ep_accept_ready(struct usiw_ep *l);

/* conn.c */
int usiw_ep_step(struct usiw_ep *ep, enum siw_cm_ev ev);
void usiw_ep_notify(struct usiw_ep *ep, enum usiw_ep_bit bit);
void usiw_ep_work(struct usiw_work *w);
void usiw_ep_timeout(struct usiw_timer *t);
void usiw_ep_peer_fin(struct usiw_ep *ep);
void usiw_ep_peer_lost(struct usiw_ep *ep);
void usiw_ep_shut(struct usiw_ep *ep);
void usiw_ep_qp_dying(struct usiw_ep *ep);

/* up.c */
void usiw_ep_upcall(struct usiw_ep *ep, u32 act);

/* mpa.c */
int usiw_ep_mpa(struct usiw_ep *ep);		/* room for the exchange */
enum usiw_rx_end usiw_ep_read_frame(struct usiw_ep *ep);
void usiw_ep_send_frame(struct usiw_ep *ep, u32 act);
void usiw_ep_refuse(struct usiw_ep *ep, const void *pdata, u32 len);
void usiw_ep_policy(struct siw_mpa_local *l,
		    const struct usiw_conn_param *param);

#endif
