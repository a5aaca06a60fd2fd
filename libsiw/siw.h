/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * libsiw: siw for libibverbs. The objects behind the handles that programs have,
 * and who serialises them.
 *
 * All of it speaks siw ABI version 1, <rdma/siw-abi.h>: rings that are mapped
 * from the command file. A spin lock guards the producer's (CQ: consumer's)
 * side of a ring; none is held across a system call. Built against the private
 * headers of rdma-core; see README.md.
 */
#ifndef LIBSIW_SIW_H
#define LIBSIW_SIW_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <infiniband/driver.h>
#include <rdma/siw-abi.h>

#include "siwdv.h"

/*
 * What a driver may be able to do beyond ABI version 1: README.md. It says so in
 * the answer to GET_CONTEXT, which others leave zero.
 */
#define SIW_CAP_REASON		0x01	/* siw_cqe.imm_data of an error */
#define SIW_CAP_IMM		0x02
#define SIW_CAP_ATOMIC		0x04

#define SIW_OP_WRITE_WITH_IMM	16	/* siw_sqe.opcode */
#define SIW_OP_RECV_RDMA_IMM	17	/* siw_cqe.opcode */
#define SIW_WQE_IMM		0x80	/* siw_cqe.flags */

/**
 * struct siw_ctx - an open device
 * @base: of libibverbs
 * @caps: SIW_CAP_*
 * @stag_seed: makes the key octet of the next STag
 */
struct siw_ctx {
	struct verbs_context base;
	uint64_t caps;
	atomic_uint stag_seed;
};

/**
 * struct siw_mr - memory region
 * @base: of libibverbs
 * @iova: what its first octet is called
 */
struct siw_mr {
	struct verbs_mr base;
	uint64_t iova;
};

/**
 * struct siw_cq - completion queue
 * @base: of libibverbs
 * @lock: guards @get and @cur
 * @ring: mapped elements; free while their VALID flag is clear
 * @ctrl: behind them: what is armed
 * @num: elements, power of two
 * @get: counts what was polled
 * @cur: ibv_start_poll(): the completion that is looked at
 */
struct siw_cq {
	struct verbs_cq base;
	pthread_spinlock_t lock;
	struct siw_cqe *ring;
	struct siw_cq_ctrl *ctrl;
	uint32_t num;
	uint32_t get;
	struct siw_cqe cur;
};

/**
 * struct siw_rq - a ring of receive buffers, of a QP or shared
 * @lock: guards @put
 * @ring: mapped elements, NULL if there are none
 * @num: elements, power of two or 0
 * @put: counts what was posted
 * @max_sge: of one receive
 */
struct siw_rq {
	pthread_spinlock_t lock;
	struct siw_rqe *ring;
	uint32_t num;
	uint32_t put;
	uint32_t max_sge;
};

struct siw_srq {
	struct ibv_srq base;
	struct siw_rq rq;
};

/**
 * struct siw_qp - queue pair
 * @base: of libibverbs
 * @lock: guards what follows up to @err
 * @ring: mapped elements of the send queue, NULL if there are none
 * @num: elements, power of two or 0
 * @put: counts what was posted
 * @pending: filled in behind @put, not yet posted
 * @err: ibv_wr_start(): first error since
 * @max_sge: of one send
 * @max_inline: octets
 * @rq: receive queue; without elements when there is none, or an SRQ
 */
struct siw_qp {
	struct verbs_qp base;
	pthread_spinlock_t lock;
	struct siw_sqe *ring;
	uint32_t num;
	uint32_t put;
	uint32_t pending;
	int err;
	uint32_t max_sge;
	uint32_t max_inline;
	struct siw_rq rq;
};

static inline struct siw_cq *to_cq(struct ibv_cq *cq)
{
	return container_of(cq, struct siw_cq, base.cq);
}

static inline struct siw_qp *to_qp(struct ibv_qp *qp)
{
	return container_of(qp, struct siw_qp, base.qp);
}

static inline struct siw_srq *to_srq(struct ibv_srq *srq)
{
	return container_of(srq, struct siw_srq, base);
}

static inline uint16_t siw_sqe_flags(unsigned int send_flags)
{
	uint16_t flags = 0;

	if (send_flags & IBV_SEND_SIGNALED)
		flags |= SIW_WQE_SIGNALLED;
	if (send_flags & IBV_SEND_SOLICITED)
		flags |= SIW_WQE_SOLICITED;
	if (send_flags & IBV_SEND_FENCE)
		flags |= SIW_WQE_READ_FENCE;
	return flags;
}

static inline uint64_t siw_caps(struct ibv_context *ctx)
{
	return container_of(ctx, struct siw_ctx, base.context)->caps;
}

/* The kernel's own driver takes inline data of the first two only. */
static inline bool siw_may_inline(const struct siw_sqe *sqe)
{
	return sqe->opcode == SIW_OP_SEND || sqe->opcode == SIW_OP_WRITE ||
	       sqe->opcode == SIW_OP_SEND_WITH_IMM ||
	       sqe->opcode == SIW_OP_WRITE_WITH_IMM;
}

/* device.c */
void *siw_map(struct ibv_context *ctx, uint64_t key, size_t len);
void siw_unmap(void *ring, size_t len);

/* cq.c */
extern const struct verbs_context_ops siw_cq_ops;

/* srq.c */
extern const struct verbs_context_ops siw_srq_ops;
int siw_rq_map(struct siw_rq *rq, struct ibv_context *ctx, uint64_t key,
	       uint32_t num);
void siw_rq_unmap(struct siw_rq *rq);
int siw_rq_post(struct siw_rq *rq, struct ibv_recv_wr *wr,
		struct ibv_recv_wr **bad);

/* qp.c */
extern const struct verbs_context_ops siw_qp_ops;
struct siw_sqe *siw_sq_next(struct siw_qp *qp);
bool siw_sq_publish(struct siw_qp *qp);
int siw_doorbell(struct siw_qp *qp);
size_t siw_sq_max_inline(const struct siw_qp *qp, const struct siw_sqe *sqe);
int siw_sq_sges(const struct siw_qp *qp, struct siw_sqe *sqe, size_t num,
		const struct ibv_sge *list);
void siw_sqe_imm(struct siw_sqe *sqe, __be32 imm);
void siw_sqe_atomic(struct siw_sqe *sqe, uint64_t data, uint64_t cmp);

/* wr.c */
void siw_qp_ex_init(struct siw_qp *qp);

#endif
