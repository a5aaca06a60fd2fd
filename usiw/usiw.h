/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * usiw, the kernel-less mode: the line between its two halves.
 *
 * The front half (preload.c, nldev.c, sysfs.c, uverbs.c, ucma.c) is the kernel's
 * user ABI: file descriptors, commands, events. It owns handles and what a
 * process is told. The back half (engine.c, ep.c, conn.c, qp.c, sq.c, cq.c, mr.c)
 * is the data path and the connections: core/ carried out over non-blocking TCP
 * sockets. Calls go from the front to the back; the other way there are only
 * the three calls at the end of this file.
 *
 * Locking: usiw_lock() is one lock for all objects of the process. Every
 * function below is called with it held, also the three calls of the front, and
 * returns with it. usiw_qp_doorbell() gives it back for a while on the way.
 * Nothing that holds it waits for the network.
 *
 * Errors are negative errno values. All integers are in host order.
 */
#ifndef USIW_USIW_H
#define USIW_USIW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <rdma/siw-abi.h>

#include "core/plat.h"
#include "core/err.h"
#include "core/mpa.h"
#include "core/qpsm.h"

#define USIW_MAX_QP		(1 << 16)
#define USIW_MAX_QP_WR		(1 << 15)
#define USIW_MAX_CQ		(1 << 16)
#define USIW_MAX_CQE		(1 << 20)
#define USIW_MAX_SRQ		(1 << 16)
#define USIW_MAX_SRQ_WR		(1 << 15)
#define USIW_MAX_MR		(1 << 18)
#define USIW_MAX_PD		(1 << 20)
#define USIW_MAX_RDQ		128	/* cap of IRD and ORD */

/* What a process may choose by its environment; read once. */
struct usiw_config {
	bool crc_required;
	bool markers_wanted;	/* in what we receive */
	bool peer_to_peer;
	u8 mpa_rev;
	u8 rtr_mask;		/* SIW_MPA_RTR_* */
	u16 port_offset;	/* added to every TCP port on the wire */
	u8 verbose;		/* 0: silent, 1: errors of connections, 2: more */
	u8 engines;		/* threads for connections */
	bool ext;		/* RFC 7306: both ends were set up for it */
};

#define USIW_ENGINES_MAX	16

extern struct usiw_config usiw_config;

/*
 * What the rings can say beyond ABI version 1, and which contexts asked for it:
 * libsiw/README.md
 */
#define USIW_CAP_REASON		0x01	/* siw_cqe.imm_data of an error */
#define USIW_CAP_IMM		0x02	/* Immediate Data of RFC 7306 */
#define USIW_CAP_ATOMIC		0x04	/* its Atomic Operations */

#define USIW_OP_WRITE_WITH_IMM	16	/* siw_sqe.opcode */
#define USIW_OP_RECV_RDMA_IMM	17	/* siw_cqe.opcode: completes a Write */
#define USIW_WQE_IMM		0x80	/* siw_cqe.flags: imm_data is valid */

u64 usiw_caps(void);		/* what this process can offer */

void usiw_lock(void);
void usiw_unlock(void);
void usiw_engine_lock(void);	/* for what happens by itself */
/* Called with it, or NULL: by usiw_lock() last, by usiw_unlock() first. */
extern void (*usiw_at_lock)(void);
extern void (*usiw_at_unlock)(void);
u64 usiw_now_ms(void);		/* monotonic; with or without the lock */

/* Engine threads run from the first connection on; idle they cost nothing. */
int usiw_engine_start(void);
bool usiw_engine_runs(void);
/* May the engine do something now? It asks with the lock. Or NULL. */
extern bool (*usiw_engine_gate)(void);

/*
 * No system call of a connection is under way from the one to the other; the
 * first gives the lock back meanwhile.
 */
void usiw_io_ground(void);
void usiw_io_clear(void);

/*
 * fork(), with the lock held: before it, then in the child. There everything
 * stays as it is until either it is the parent's, and all objects here are dead,
 * or the parent is gone and connections are continued here.
 */
extern bool usiw_sockets_shared;
void usiw_engine_alone(void);
void usiw_engine_forked(void);
void usiw_engine_adopt(void);

/* --- memory ---------------------------------------------------------------- */

struct usiw_pd {
	u32 id;
};

struct usiw_mr;

/**
 * usiw_mr_reg() - make memory known under an STag
 * @pd: protection domain
 * @addr: where it is in this process
 * @len: octets
 * @iova: TO of the first octet
 * @access: IBV_ACCESS_*
 * @key: low 8 bits of the STag
 * @stag: out
 *
 * The memory need not be mapped: access to what is not gives an error then.
 *
 * Return: the region, or NULL if there are too many.
 */
struct usiw_mr *usiw_mr_reg(struct usiw_pd *pd, u64 addr, u64 len, u64 iova,
			    u32 access, u8 key, u32 *stag);
void usiw_mr_dereg(struct usiw_mr *mr);

/* --- completion queues ------------------------------------------------------ */

struct usiw_cq;

/**
 * usiw_cq_create() - a completion queue
 * @ring: zeroed, @num_cqe elements and a struct siw_cq_ctrl; stays the caller's
 * @num_cqe: power of two
 * @owner: given back in usiw_up_comp()
 */
struct usiw_cq *usiw_cq_create(struct siw_cqe *ring, u32 num_cqe, void *owner);
void usiw_cq_destroy(struct usiw_cq *cq);
u32 usiw_cq_id(const struct usiw_cq *cq);

/*
 * A thread that waits for completions may receive for them itself (claim.c). It
 * takes the lock by usiw_engine_lock() when the socket has news.
 */
struct usiw_claim;

struct usiw_claim *usiw_claim(struct usiw_cq *cq, int *fd);
bool usiw_claim_receive(struct usiw_claim *c);
void usiw_claim_end(struct usiw_claim *c);

/* --- shared receive queues -------------------------------------------------- */

struct usiw_srq;

struct usiw_srq *usiw_srq_create(struct usiw_pd *pd, struct siw_rqe *ring,
				 u32 num_rqe, u32 max_sge, void *owner);
/* Arms the limit event; 0 disarms. */
int usiw_srq_limit(struct usiw_srq *srq, u32 limit);
u32 usiw_srq_limit_left(const struct usiw_srq *srq);
void usiw_srq_destroy(struct usiw_srq *srq);

/* --- queue pairs ------------------------------------------------------------ */

struct usiw_qp;

struct usiw_qp_attr {
	struct usiw_pd *pd;
	struct usiw_cq *scq, *rcq;
	struct usiw_srq *srq;		/* or NULL */
	struct siw_sqe *sq;		/* zeroed rings, the caller's */
	struct siw_rqe *rq;
	u32 num_sqe, num_rqe;		/* powers of two or 0 */
	u32 max_send_sge, max_recv_sge, max_inline;
	bool sig_all;
	u64 caps;			/* USIW_CAP_* that the program knows */
	void *owner;
};

struct usiw_qp *usiw_qp_create(const struct usiw_qp_attr *attr);
u32 usiw_qp_num(const struct usiw_qp *qp);
/**
 * usiw_qp_modify() - change the state, as a program or rdma_cm asks
 * @ev: one of SIW_QP_EV_MOD_*
 *
 * Return: 0 or -EINVAL.
 */
int usiw_qp_modify(struct usiw_qp *qp, enum siw_qp_ev ev);
void usiw_qp_set_access(struct usiw_qp *qp, u32 access);	/* IBV_ACCESS_* */
u32 usiw_qp_access(const struct usiw_qp *qp);
void usiw_qp_tell_drained(struct usiw_qp *qp, bool on);
enum siw_qp_state usiw_qp_state(const struct usiw_qp *qp);
void usiw_qp_rdq(const struct usiw_qp *qp, u32 *ird, u32 *ord);
/*
 * The doorbell: there may be news in the send queue. Sends what TCP takes, and
 * gives the lock back meanwhile: nothing found before it is sure to be there
 * afterwards.
 */
int usiw_qp_doorbell(struct usiw_qp *qp);
/* Ends its connection, waits for nothing; then nothing refers to it. */
void usiw_qp_destroy(struct usiw_qp *qp);

/* --- connections ------------------------------------------------------------ */

/*
 * An end point is a listener or one connection. It belongs to the front from
 * usiw_ep_new(), or from the upcall that brought it, to usiw_ep_destroy();
 * after that call there are no upcalls for it.
 */
struct usiw_ep;

struct usiw_conn_param {
	u32 ird, ord;			/* as rdma_cm: responder, initiator */
	const void *pdata;
	u32 pdata_len;
};

struct usiw_ep *usiw_ep_new(void *owner);
/* What IP is told: a type of service, at any time; IPv6 only, before bind. */
void usiw_ep_set_tos(struct usiw_ep *ep, u8 tos);
void usiw_ep_set_v6only(struct usiw_ep *ep);
/**
 * usiw_ep_bind() - take a local address
 * @addr: in: wanted, port 0 for any; out: what it is. Without port_offset
 * @reuse: share the address as SO_REUSEADDR does
 *
 * Takes the TCP port at once, so that it can be told to others before listen.
 */
int usiw_ep_bind(struct usiw_ep *ep, struct sockaddr_storage *addr, bool reuse);
int usiw_ep_listen(struct usiw_ep *ep, int backlog);
/* Not bound yet: binds to @local (port 0) on the way. */
int usiw_ep_connect(struct usiw_ep *ep, struct usiw_qp *qp,
		    const struct sockaddr_storage *local,
		    const struct sockaddr_storage *remote,
		    const struct usiw_conn_param *param);
int usiw_ep_accept(struct usiw_ep *ep, struct usiw_qp *qp,
		   const struct usiw_conn_param *param);
int usiw_ep_reject(struct usiw_ep *ep, const void *pdata, u32 len);
int usiw_ep_disconnect(struct usiw_ep *ep);	/* graceful */
void usiw_ep_set_owner(struct usiw_ep *ep, void *owner);
void usiw_ep_destroy(struct usiw_ep *ep);
/* Both ends of the connection as they are now; without port_offset. */
void usiw_ep_names(const struct usiw_ep *ep, struct sockaddr_storage *local,
		   struct sockaddr_storage *remote);

enum usiw_cm_ev {
	USIW_CM_REQUEST,	/* to a listener's owner; @ep is the new one */
	USIW_CM_REPLY,		/* answer to connect, see @status */
	USIW_CM_ESTABLISHED,	/* after accept */
	USIW_CM_DISCONNECT,	/* going down */
	USIW_CM_CLOSE,		/* gone; the last upcall */
};

struct usiw_cm_event {
	enum usiw_cm_ev ev;
	int status;		/* 0, -ECONNREFUSED (rejected), -ETIMEDOUT, ... */
	/*
	 * As in struct iw_cm_event: the program is told @ird as its
	 * initiator_depth and @ord as its responder_resources.
	 */
	u32 ird, ord;
	const void *pdata;	/* valid during the upcall */
	u32 pdata_len;
	struct usiw_ep *ep;	/* USIW_CM_REQUEST */
};

/* --- what the back half tells the front half --------------------------------- */

enum usiw_async { USIW_ASYNC_CQ, USIW_ASYNC_QP, USIW_ASYNC_SRQ };

/* The CQ was armed and something has arrived. */
void usiw_up_comp(void *cq_owner);
/* @event is an IBV_EVENT_*, @owner that of the CQ, QP or SRQ. */
void usiw_up_async(enum usiw_async what, void *owner, u32 event);
void usiw_up_cm(void *owner, const struct usiw_cm_event *event);

#endif
