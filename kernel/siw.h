/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The objects of siw.ko and the calls between its files.
 *
 * Owners
 *   device   lives from rdma link add to rdma link del; holds the netdev.
 *   QP       owned by ib_core; kept alive by siw_qp_get() (table look-up, CEP,
 *            transmit work). siw_destroy_qp() waits for the last reference.
 *   CEP      connection end point, owned by cm.c; refcounted; owns the socket.
 *   mem      one STag; refcounted; pinned pages are released with the last
 *            reference, always from process context.
 *
 * Contexts
 *   receive  softirq (or socket backlog): rxsock.c, place.c, and whatever they
 *            call of cq.c, srq.c, mem.c, qp.c. The socket lock is held.
 *   transmit whoever owns qp->tx_state (see sq.c): the poster or tx_work.
 *   CM       process context, under cep->lock.
 *
 * Lock order, outermost first
 *   cep->lock (mutex) > socket lock > sk_callback_lock > qp->sq_lock >
 *   qp->lock > qp->rq_lock, srq->lock > cq->lock
 * All spinlocks are taken irqsave: kernel clients post with interrupts off.
 * Completion handlers of kernel clients run from the CQ's notify_work and never
 * nest in any of these; that of a user CQ (ib_uverbs wakes the program up) may
 * run under qp->lock. Async events are made without a spinlock of ours, in the
 * receive path with the socket lock; iw_cm events under cep->lock.
 */
#ifndef SIW_KERNEL_SIW_H
#define SIW_KERNEL_SIW_H

#include <linux/bvec.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/sock.h>
#include <rdma/ib_verbs.h>
#include <rdma/ib_umem.h>
#include <rdma/iw_cm.h>
#include <rdma/siw-abi.h>

#include "../core/access.h"
#include "../core/err.h"
#include "../core/mpa.h"
#include "../core/qpsm.h"
#include "../core/rdq.h"
#include "../core/rx.h"
#include "../core/term.h"
#include "../core/tx.h"

#define SIW_VENDOR_ID		0x626d74
#define SIW_MAX_QP		(1 << 16)
#define SIW_MAX_QP_WR		(1 << 15)
#define SIW_MAX_CQ		(1 << 16)
#define SIW_MAX_CQE		(1 << 20)
#define SIW_MAX_SRQ		(1 << 16)
#define SIW_MAX_SRQ_WR		(1 << 15)
#define SIW_MAX_MR		(1 << 20)
#define SIW_MAX_PD		(1 << 20)
#define SIW_MAX_RDQ		128	/* cap of IRD and ORD */
#define SIW_DEF_RDQ		32
#define SIW_MAX_FRMR_PAGES	256	/* page list of a fast registered MR */
#define SIW_TX_MSGS		(SIW_TX_RING + 2)	/* cut, parked, Terminate */
#define SIW_TX_BVECS		128	/* pieces in one socket send */
#define SIW_TX_BATCH		(128 << 10)	/* octets cut ahead of a send */
#define SIW_RRESP_BURST		4	/* Read Responses before the SQ's turn */
#define SIW_TERM_LAYERS		3	/* of a Terminate: RDMAP, DDP, MPA */
#define SIW_OPCODES		(RDMAP_TERMINATE + 1)	/* that we speak */

struct siw_cep;
struct siw_qp;

/*
 * What a device's settings say (settings.c); copied per connection. All of it
 * is u32, so that a setting is an index.
 */
struct siw_policy {
	u32 crc_required;
	u32 crc_strict;
	u32 markers_wanted;	/* in what we receive */
	u32 tcp_nodelay;
	u32 peer_to_peer;
	u32 mpa_rev;
	u32 rtr_mask;		/* SIW_MPA_RTR_* offered or supported */
	u32 cut_through;	/* place before the CRC is known */
	u32 fpdu_max;		/* octets; 0: no limit but the next one */
	u32 fpdu_segments;	/* TCP segments that an FPDU may fill */
	u32 keepalive;		/* seconds idle before a probe; 0: none */
	u32 user_timeout;	/* ms data may be unacknowledged; 0: TCP's */
	u32 listen_backlog;	/* at least; 0: as the ULP says */
	u32 zcopy_tx;		/* SIW_ZCOPY_*; looked at for each message */
};

#define SIW_POLICY_NUM	(sizeof(struct siw_policy) / sizeof(u32))

/* Whose payload TCP takes by reference; each includes those before. */
enum siw_zcopy {
	SIW_ZCOPY_NONE,
	SIW_ZCOPY_UNSIGNALLED,		/* ... WRs, and Read Responses */
	SIW_ZCOPY_ALL,			/* signalled WRs, too */
	SIW_ZCOPY_NUM
};

/*
 * Counters of a device, shown by `rdma statistic`; names in stats.c. Counted
 * with siw_count(), from any context.
 */
enum siw_counter {
	SIW_CNT_TX_FPDUS,
	SIW_CNT_RX_FPDUS,
	SIW_CNT_TX_BYTES,	/* of the TCP stream, taken by TCP */
	SIW_CNT_RX_BYTES,	/* ... taken from TCP */
	SIW_CNT_TX_MSG,		/* + RDMAP opcode: messages begun */
	SIW_CNT_RX_MSG = SIW_CNT_TX_MSG + SIW_OPCODES, /* delivered */
	SIW_CNT_RX_MSG_LAST = SIW_CNT_RX_MSG + SIW_OPCODES - 1,
	SIW_CNT_TX_BATCHES,	/* calls into TCP */
	SIW_CNT_TX_FULL,	/* of these, cut short by a full socket */
	SIW_CNT_TX_DIRECT,	/* times that a poster was the sender itself */
	SIW_CNT_TX_QUEUED,	/* transmission handed to a worker */
	SIW_CNT_TX_ZCOPY_BYTES,	/* payload that TCP took by reference */
	SIW_CNT_TX_COPY_BYTES,	/* payload that TCP copied */
	SIW_CNT_TX_ZCOPY_UNDONE, /* loans that somebody copied after all */
	SIW_CNT_RX_CRC_ERRORS,
	SIW_CNT_RX_NO_BUFFER,	/* Send without a posted receive */
	SIW_CNT_ACCESS_ERRORS,	/* refused access of a peer to our memory */
	SIW_CNT_TX_TERM,	/* + layer, see siw_count_term() */
	SIW_CNT_RX_TERM = SIW_CNT_TX_TERM + SIW_TERM_LAYERS,
	SIW_CNT_RX_TERM_LAST = SIW_CNT_RX_TERM + SIW_TERM_LAYERS - 1,
	SIW_CNT_CONNECT_TRIES,	/* set-ups begun, by us or by a peer */
	SIW_CNT_CONNECT_TIMEOUTS,
	SIW_CNT_CONNECTS,	/* connections that reached Full Operation */
	SIW_CNT_CONNECT_FAILS,
	SIW_CNT_REJECTS,	/* set-ups refused, by us or by the peer */
	SIW_CNT_CLOSES,		/* graceful ends */
	SIW_CNT_ABORTS,		/* other ends */
	SIW_CNT_CQ_OVERFLOWS,
	SIW_CNT_NUM
};

struct siw_stats {
	u64 cnt[SIW_CNT_NUM];
};

/* What is counted while it exists, for debugfs. Memory is in num_mem. */
enum siw_obj {
	SIW_OBJ_CTX,
	SIW_OBJ_PD,
	SIW_OBJ_CQ,
	SIW_OBJ_SRQ,
	SIW_OBJ_QP,
	SIW_OBJ_WQE,		/* slots of all work queues */
	SIW_OBJ_NUM
};

struct siw_device {
	struct ib_device base;
	struct net_device *netdev;
	netdevice_tracker netdev_ref;
	u32 vendor_part_id;
	u64 guid;			/* host order, never 0 */
	bool automatic;			/* nobody asked for it */
	bool going;			/* its netdev is */
	atomic_t objs[SIW_OBJ_NUM];	/* that exist now */
	struct dentry *debugfs;		/* debugfs.c */
	struct xarray qps;		/* QPN -> qp */
	struct xarray mems;		/* STag index -> mem, RCU */
	struct list_head ceps;		/* every CEP, by number */
	spinlock_t ceps_lock;
	u64 cep_no;			/* of the youngest; ceps_lock */
	wait_queue_head_t ceps_gone;	/* woken when a CEP is freed */
	atomic_t cep_cnt;
	atomic_t num_mem;		/* struct siw_mem not yet freed */
	wait_queue_head_t mems_gone;
	struct siw_mem *dma_mem;	/* what lkey 0 of a kernel client means */
	struct siw_stats __percpu *stats;
	spinlock_t policy_lock;
	struct siw_policy policy;	/* those that are the device's own */
	unsigned long policy_own;	/* bit n: the nth u32 of policy is */
};

static inline void siw_count(struct siw_device *sdev, enum siw_counter c)
{
	this_cpu_inc(sdev->stats->cnt[c]);
}

static inline void siw_count_n(struct siw_device *sdev, enum siw_counter c,
			       u32 n)
{
	this_cpu_add(sdev->stats->cnt[c], n);
}

/* @first: SIW_CNT_TX_TERM or SIW_CNT_RX_TERM; a peer may name any layer */
static inline void siw_count_term(struct siw_device *sdev,
				  enum siw_counter first, u8 layer)
{
	siw_count(sdev, first + min_t(u32, layer, SIW_TERM_LAYERS - 1));
}

static inline void siw_obj_add(struct ib_device *base, enum siw_obj kind, int n)
{
	struct siw_device *sdev = container_of(base, struct siw_device, base);

	atomic_add(n, &sdev->objs[kind]);
}

struct siw_ucontext {
	struct ib_ucontext base;
	struct siw_device *sdev;
};

struct siw_pd {
	struct ib_pd base;
};

/* A ring that user space may map; freed with the last mapping's reference. */
struct siw_mmap {
	struct rdma_user_mmap_entry base;
	void *addr;			/* vmalloc_user() */
};

/* --- memory (mem.c) ----------------------------------------------------- */

enum siw_mem_kind {
	SIW_MEM_UMEM,		/* user pages */
	SIW_MEM_PBL,		/* fast registered, kernel client */
	SIW_MEM_DMA,		/* all of kernel memory; local use only */
};

/*
 * One STag. Looked up under RCU: placement in softirq needs no reference, it
 * checks ->valid at every chunk; a holder of a WQE takes a reference.
 * Invalidation clears ->valid; deregistration then waits for an RCU grace
 * period, after which no placement can touch the pages.
 */
struct siw_mem {
	struct kref ref;
	struct rcu_head rcu;
	struct work_struct free_work;
	struct siw_device *sdev;
	struct ib_pd *pd;
	struct siw_qp *inval_qp;	/* D-47: QP that did REG_MR, compared only */
	enum siw_mem_kind kind;
	bool valid;
	u8 rights;			/* SIW_R_* of core/access.h */
	u32 stag;			/* host order, index << 8 | key */
	u64 base;			/* TO of the first octet (iova) */
	u64 len;
	u32 page_off;			/* offset of base in pages[0] (UMEM) */
	u32 page_cnt;
	struct page **pages;		/* UMEM */
	struct ib_umem *umem;
	struct siw_pbl *pbl;		/* PBL */
};

struct siw_pbl {
	u32 cnt, max;
	struct siw_pble {
		u64 addr;		/* kernel virtual address (virt DMA) */
		u32 len;
		u64 off;		/* offset of this element in the MR */
	} e[];
};

struct siw_mr {
	struct ib_mr base;
	struct siw_mem *mem;
};

/* A contiguous piece of a memory region: page may span (len > PAGE_SIZE). */
struct siw_piece {
	struct page *page;
	u32 off;
	u32 len;
};

struct siw_mem *siw_mem_get(struct siw_device *sdev, u32 stag);
enum siw_acc siw_mem_get_sge(struct siw_qp *qp, const struct siw_sge *sge,
			     u8 need, struct siw_mem **mem);
void siw_mem_put(struct siw_mem *mem);
struct siw_mem *siw_mem_find_rcu(struct siw_device *sdev, u32 stag);
void siw_mem_view(const struct siw_mem *mem, struct siw_mem_view *v);
int siw_mem_piece(const struct siw_mem *mem, u64 addr, u32 len,
		  struct siw_piece *p);
int siw_mem_invalidate(struct siw_qp *qp, u32 stag, bool remote,
		       enum siw_acc *why);
int siw_mem_reg_mr(struct siw_qp *qp, const struct siw_sqe *sqe);
int siw_mem_device_init(struct siw_device *sdev);
void siw_mem_device_exit(struct siw_device *sdev);

/* --- completion queues (cq.c) ------------------------------------------- */

struct siw_cq {
	struct ib_cq base;
	spinlock_t lock;
	struct siw_cqe *queue;		/* num_cqe, then struct siw_cq_ctrl */
	struct siw_cq_ctrl *ctrl;	/* behind the last element */
	u32 num_cqe;			/* power of two */
	u32 put, get;			/* free running; get: kernel CQ only */
	u32 id;
	bool kernel;
	bool overflow;
	struct work_struct notify_work;	/* kernel CQ: comp_handler runs here */
	struct work_struct error_work;	/* the CQ overflowed */
	struct siw_mmap *mmap;
};

/* What a completion says; siw_cq_add() writes it into the ring. */
struct siw_wc {
	u64 id;
	u8 opcode;			/* enum siw_opcode */
	enum siw_wc_status status;
	u32 bytes;
	u32 inval_stag;
	bool has_inval;
	bool solicited;			/* or an error: fires a solicited arm */
};

void siw_cq_add(struct siw_cq *cq, struct siw_qp *qp, const struct siw_wc *wc);
void siw_cq_forget(struct siw_cq *cq, const struct siw_qp *qp);

/* --- receive queues (srq.c for SRQ, qp.c for RQ) -------------------------- */

struct siw_srq {
	struct ib_srq base;
	spinlock_t lock;
	struct siw_rqe *queue;
	u32 num_rqe;			/* power of two */
	u32 max_sge;
	u32 put, get;			/* free running; put: kernel SRQ only */
	u32 limit;
	bool armed;
	bool kernel;
	struct siw_mmap *mmap;
};

/* Copy one RQE out of the ring and free its slot. Any context. */
bool siw_srq_pop(struct siw_srq *srq, struct siw_rqe *rqe);

/* --- queue pairs ---------------------------------------------------------- */

/* In-order completion of the SQ: one entry per WR taken from the ring. */
struct siw_sq_wr {
	u64 id;
	u8 opcode;
	u8 done;
	u16 flags;			/* SIW_WQE_* */
	u16 status;			/* enum siw_wc_status */
	u32 bytes;
	u32 loans;			/* of its payload to TCP, see zcopy.c */
};

/* One Read we have asked for. */
struct siw_orqe {
	struct siw_mem *mem;		/* sink, referenced */
	u32 stag;
	u64 to;
	u64 addr;			/* local address behind @to */
	u32 len;
	u32 wr;				/* index of its siw_sq_wr */
	bool rtr;			/* has none: nobody waits for it */
	u32 inval_stag;			/* READ_LOCAL_INV, else 0 */
};

enum siw_msg_kind {
	SIW_MSG_SQ,			/* a WR of the send queue */
	SIW_MSG_RRESP,			/* Read Response for an IRQ entry */
	SIW_MSG_RTR,
	SIW_MSG_TERM,
};

/* How payload gets to TCP */
enum siw_how {
	SIW_COPY,
	SIW_SPLICE,			/* by reference; nobody asks when done */
	SIW_LEND,			/* ... and TCP tells when it is done */
};

/* A message handed to the transmit machine, until TCP has all of it. */
struct siw_msg {
	enum siw_msg_kind kind;
	enum siw_how how;
	bool busy;
	bool aborted;			/* only the FPDU begun goes out */
	u8 num_sge;
	u8 bad;				/* parked: status it will fail with */
	u32 wr;				/* SIW_MSG_SQ: index of its siw_sq_wr */
	u32 len;			/* payload octets */
	u32 cut;			/* ... that are in cut FPDUs */
	u32 irq;			/* SIW_MSG_RRESP: index of IRQ entry */
	struct siw_sqe sqe;		/* private copy; sge[], inline data */
	struct siw_mem *mem[SIW_MAX_SGE];	/* referenced */
};

enum siw_tx_state { SIW_TX_IDLE, SIW_TX_RUN, SIW_TX_RERUN };

struct siw_qp {
	struct ib_qp base;
	struct siw_device *sdev;
	struct kref ref;
	struct completion free;
	bool kernel;
	bool silent;			/* kernel QP that ends: completes no more */
	bool sig_all;
	u32 max_send_sge, max_recv_sge;
	u32 cap_inline;

	spinlock_t lock;		/* state, cep, ORQ, IRQ, wr ring, term */
	enum siw_qp_state state;
	u8 rights;			/* SIW_R_REMOTE_* of qp_access_flags */
	u32 ird, ord;			/* connection's */
	u32 fpdu_max, fpdu_segments;	/* connection's, see siw_policy */
	struct siw_cep *cep;		/* referenced */
	struct socket *sock;		/* valid from START until cep detaches */

	struct siw_cq *scq, *rcq;
	struct siw_srq *srq;

	/* send queue: ring shared with the user, or filled by post_send */
	spinlock_t sq_lock;		/* producer side, kernel QP */
	struct siw_sqe *sq;
	u32 num_sqe;			/* power of two, 0: none */
	u32 sq_put, sq_get;		/* free running; get: tx owner */
	struct siw_mmap *sq_mmap;

	spinlock_t rq_lock;
	struct siw_rqe *rq;
	u32 num_rqe;
	u32 rq_put, rq_get;
	struct siw_mmap *rq_mmap;

	/* flush.c; flags under lock */
	struct delayed_work flush_work;
	bool flush_sq, flush_rq;
	bool last_wqe_told;
	bool tell_drained;		/* SQ_DRAINED was asked for */
	bool dying;			/* siw_qp_fini(): no new work */
	u32 flush_gap;			/* ms to the next look at user rings */

	/* SQ completions in order; lock */
	struct siw_sq_wr *wr;
	u32 num_wr;			/* power of two */
	u32 wr_put, wr_get;

	/* outbound and inbound Reads; lock */
	struct siw_rdq orq_q, irq_q;
	struct siw_orqe *orq;
	struct siw_rreq *irq;

	/* what the QP's table asked of the sender; lock */
	bool started;			/* sock, rx and tx are set up */
	bool gate;			/* we may send */
	bool stop_tx;
	bool drain;
	bool shut_wr;
	bool term_pending;
	struct siw_term term;

	/* transmit; owned by whoever holds tx_state */
	atomic_t tx_state;		/* enum siw_tx_state */
	bool tx_wanted;			/* siw_qp_detach() waits for it */
	struct work_struct tx_work;
	struct siw_tx tx;
	struct siw_msg msg[SIW_TX_MSGS];
	struct siw_msg *cut;		/* message being cut */
	struct siw_msg *parked;		/* next of the SQ, has to wait */
	u32 tx_bytes;			/* in FPDUs cut and not sent */
	u32 irq_run;			/* Read Responses begun, not done */
	bool irq_rtr;			/* the first Read is the RTR */
	u8 rtr;				/* RTR to send first, SIW_MPA_RTR_* or 0 */
	bool knock;			/* any context sets it, see siw_sq_knock() */
	u8 rresp_run;
	bool tx_aborted;
	bool tx_dead;			/* TCP takes no more */
	bool shut_told;
	u32 term_len;
	u8 term_buf[RDMAP_TERM_MAX];
	struct bio_vec bv[SIW_TX_BVECS];
	__be32 marker[SIW_TX_BVECS];	/* those that bv[] names */
	struct page *stash;		/* headers of zero-copy FPDUs */
	struct page *stash_full;	/* the one before */
	u32 stash_off;
	atomic_t loans;			/* that TCP has not given back */
	bool zcopy_futile;		/* what was lent was copied on its way */

	/* receive; owned by the socket lock */
	struct siw_rx rx;
	bool rqe_busy;			/* rq_lock */
	bool rx_stopped;		/* discard input; once set stays */
	bool rx_kick;			/* there is news for the sender */
	bool gate_told;
	struct siw_rqe rqe;		/* current RQE, private copy */
	struct siw_mem *rqe_mem[SIW_MAX_SGE];	/* referenced */

	/* what the peer said, for the log and siw_err names */
	struct siw_term peer_term;
};

/* qp.c */
struct siw_qp *siw_qp_find(struct siw_device *sdev, u32 qpn);
void siw_qp_get(struct siw_qp *qp);
void siw_qp_put(struct siw_qp *qp);
int siw_qp_init(struct siw_qp *qp);		/* after create_qp set the rings */
void siw_qp_fini(struct siw_qp *qp);		/* destroy_qp, sleeps */
int siw_qp_event(struct siw_qp *qp, enum siw_qp_ev ev);
void siw_qp_fail(struct siw_qp *qp, const struct siw_term *term);
void siw_qp_fail_local(struct siw_qp *qp, enum siw_err err);

/* Everything the data path must know of a negotiated connection. */
struct siw_link {
	struct socket *sock;
	struct siw_cep *cep;
	bool initiator;
	bool crc;
	bool markers_tx, markers_rx;
	bool cut_through;
	u32 fpdu_max, fpdu_segments;	/* see struct siw_policy */
	u32 ird, ord;
	u8 rtr_tx;			/* initiator: RTR to send, or 0 */
	u8 rtr_rx;			/* responder: RTR agreed, or 0 */
};

/* CM -> QP, process context. siw_qp_start() sends LLP_UP by itself. */
int siw_qp_prepare(struct siw_qp *qp, struct siw_cep *cep, u32 ird, u32 ord);
int siw_qp_start(struct siw_qp *qp, const struct siw_link *link);
void siw_qp_peer_fin(struct siw_qp *qp);	/* PEER_FIN or PEER_FIN_DIRTY */
void siw_qp_detach(struct siw_qp *qp);		/* undo both; socket goes away */

/* flush.c */
void siw_qp_flush_kick(struct siw_qp *qp);	/* after post_recv in ERROR */
void siw_qp_flush_work(struct work_struct *work);
void siw_qp_drop_rqe(struct siw_qp *qp, enum siw_wc_status status);
bool siw_rq_pop(struct siw_qp *qp, struct siw_rqe *rqe);	/* RQ or SRQ */
void siw_rqe_complete(struct siw_qp *qp, const struct siw_rqe *rqe, u32 bytes,
		      enum siw_wc_status status, const u32 *inval_stag,
		      bool solicited);

/* sq.c */
enum siw_kick { SIW_KICK_DIRECT, SIW_KICK_ATOMIC, SIW_KICK_QUEUE };
void siw_sq_kick(struct siw_qp *qp, enum siw_kick how);
void siw_sq_work(struct work_struct *work);
void siw_sq_knock(struct siw_qp *qp);
void siw_sq_claim(struct siw_qp *qp);		/* sleeps; then release */
void siw_sq_release(struct siw_qp *qp);

/* wr.c: work requests of the SQ */
struct siw_msg *siw_wr_fetch(struct siw_qp *qp);
bool siw_wr_blocked(struct siw_qp *qp, const struct siw_msg *m);
bool siw_wr_is_local(const struct siw_msg *m);
void siw_wr_run_local(struct siw_qp *qp, struct siw_msg *m);
void siw_wr_message(struct siw_qp *qp, struct siw_msg *m,
		    struct siw_tx_msg *tm, struct siw_rreq *rreq);
void siw_wr_done(struct siw_qp *qp, u32 wr, enum siw_wc_status status,
		 u32 bytes);
bool siw_wr_flush(struct siw_qp *qp);
void siw_wr_peer_term(struct siw_qp *qp, const struct siw_term *term);
bool siw_wr_signalled(const struct siw_qp *qp, u32 flags);
bool siw_wr_all_done(struct siw_qp *qp);
void siw_wr_lend(struct siw_qp *qp, u32 wr, u32 cnt);
void siw_wr_return(struct siw_qp *qp, u32 wr, u32 cnt);
struct siw_msg *siw_msg_new(struct siw_qp *qp, enum siw_msg_kind kind);
void siw_msg_free(struct siw_msg *m);
int siw_msg_piece(struct siw_qp *qp, const struct siw_msg *m, u32 off, u32 len,
		  struct siw_piece *p);

/* txsock.c: caller owns qp->tx_state. 1: all gone, 0: socket full,
 * -EBUSY: another context holds the socket, -ESTALE: the memory that the first
 * FPDU reads was taken away, other: dead
 */
int siw_tx_push(struct siw_qp *qp, bool may_sleep, bool more);
void siw_tx_crc_pay(struct siw_qp *qp, const struct siw_msg *m,
		    struct siw_tx_fpdu *f);
u32 siw_tx_mulpdu(const struct siw_qp *qp);

/* zcopy.c: caller owns qp->tx_state */
struct siw_loan;
enum siw_how siw_zcopy_how(const struct siw_qp *qp, const struct siw_msg *m);
bool siw_zcopy_page_ok(const struct siw_piece *p);
bool siw_zcopy_stash(struct siw_qp *qp, const void *va, u32 len,
		     struct siw_piece *p);
void siw_zcopy_fini(struct siw_qp *qp);
struct siw_loan *siw_loan_new(struct siw_qp *qp);
void siw_loan_begin(struct siw_loan *loan, u32 wr, u32 cnt);
struct ubuf_info *siw_loan_ubuf(struct siw_loan *loan);
void siw_loan_sent(struct siw_loan *loan, bool taken);

/* rxsock.c: socket lock held */
void siw_rx_data_ready(struct siw_qp *qp, struct sock *sk);
void siw_rx_run(struct siw_qp *qp, struct sock *sk);

/* place.c: under rcu_read_lock, socket lock held. 0 or the protocol error */
enum siw_err siw_place(struct siw_qp *qp, struct sk_buff *skb, u32 skb_off,
		       const struct siw_rx_insn *insn, u32 n, u32 *crc);
u32 siw_skb_crc(struct sk_buff *skb, u32 off, u32 len, u32 crc);

/* --- connection management (cm.c) ----------------------------------------- */

/* Edges a data path or socket callback reports to the CM. Any context. */
enum siw_cep_ev {
	SIW_CE_DATA,			/* bytes to read during MPA set-up */
	SIW_CE_STATE,			/* TCP state changed */
	SIW_CE_GATE,			/* responder: first valid FPDU arrived */
	SIW_CE_SHUT,			/* SIW_QP_SHUT_WR: FIN now */
	SIW_CE_ABORT,			/* SIW_QP_ABORT: RST */
	SIW_CE_QP_DISC,			/* SIW_QP_CM_DISC */
	SIW_CE_QP_LINGER,		/* SIW_QP_CM_LINGER */
	SIW_CE_QP_CLOSED,		/* SIW_QP_CM_CLOSE */
	SIW_CE_QP_DYING,		/* somebody waits for the QP's end */
	SIW_CE_TIMER,
	SIW_CE_GOING,			/* device goes away */
};

void siw_cep_notify(struct siw_cep *cep, enum siw_cep_ev ev);
void siw_cep_get(struct siw_cep *cep);
void siw_cep_put(struct siw_cep *cep);
void siw_cm_device_going(struct siw_device *sdev);	/* end all connections */
void siw_cm_device_gone(struct siw_device *sdev);	/* wait until all have */
int siw_cm_init(void);
void siw_cm_exit(void);

int siw_connect(struct iw_cm_id *id, struct iw_cm_conn_param *param);
int siw_accept(struct iw_cm_id *id, struct iw_cm_conn_param *param);
int siw_reject(struct iw_cm_id *id, const void *pdata, u8 len);
int siw_create_listen(struct iw_cm_id *id, int backlog);
int siw_destroy_listen(struct iw_cm_id *id);

/* --- verbs ------------------------------------------------------------------ */

/* verbs_qp.c, verbs_cq.c, verbs_mr.c, verbs_misc.c: see verbs.h. */

/* main.c */
extern struct workqueue_struct *siw_tx_wq;	/* per CPU, WQ_MEM_RECLAIM */
extern struct workqueue_struct *siw_wq;		/* unbound: frees, flush */
extern struct workqueue_struct *siw_cm_wq;	/* ordered: see cm.c */
extern struct workqueue_struct *siw_cq_wq;	/* per CPU, WQ_HIGHPRI */
void siw_policy_defaults(struct siw_policy *p);
u32 siw_default_zcopy(void);

/* debugfs.c */
int siw_debugfs_init(void);
void siw_debugfs_exit(void);

/* attach.c */
int siw_attach_init(void);
void siw_attach_exit(void);

/* settings.c */
extern const struct attribute_group siw_settings_group;
void siw_policy_get(struct siw_device *sdev, struct siw_policy *p);
u32 siw_policy_zcopy(struct siw_device *sdev);

/* device.c */
bool siw_device_fits(const struct net_device *netdev);
int siw_device_new(const char *name, struct net_device *netdev, bool automatic);
bool siw_device_used(struct siw_device *sdev);
void siw_device_netdev_event(struct siw_device *sdev, unsigned long event);
void siw_device_qp_error(struct siw_device *sdev, const struct siw_cq *cq);

static inline struct siw_device *to_siw_dev(struct ib_device *d)
{
	return container_of(d, struct siw_device, base);
}

static inline struct siw_qp *to_siw_qp(struct ib_qp *qp)
{
	return container_of(qp, struct siw_qp, base);
}

static inline struct siw_cq *to_siw_cq(struct ib_cq *cq)
{
	return container_of(cq, struct siw_cq, base);
}

static inline struct siw_srq *to_siw_srq(struct ib_srq *srq)
{
	return container_of(srq, struct siw_srq, base);
}

static inline struct siw_pd *to_siw_pd(struct ib_pd *pd)
{
	return container_of(pd, struct siw_pd, base);
}

static inline struct siw_ucontext *to_siw_ctx(struct ib_ucontext *ctx)
{
	return container_of(ctx, struct siw_ucontext, base);
}

static inline struct siw_mr *to_siw_mr(struct ib_mr *mr)
{
	return container_of(mr, struct siw_mr, base);
}

#endif
