// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Commands that no library writes: any handle, any size, any pointer, to the
 * uverbs files and to those of rdma_cm.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_cm.h>

#include "abi.h"

#define BIG_MAX	6		/* objects that take a lot of memory */

static uint32_t handle(struct rnd *r)
{
	switch (below(r, 8)) {
	case 0:
		return target.qp_handle[below(r, 2)];
	case 1:
		return target.cq_handle[below(r, 4)];
	case 2:
		return target.mr_handle[below(r, 2)];
	case 3:
		return target.pd_handle[below(r, 2)];
	case 4:
		return odd_u32(r);
	default:
		return below(r, 24);
	}
}

/* Mostly small: a guest has little memory, and this is not about that. */
static uint32_t size(struct rnd *r)
{
	static int big;

	if (!one_in(r, 8))
		return below(r, 40);
	if (__atomic_fetch_add(&big, 1, __ATOMIC_RELAXED) >= BIG_MAX)
		return ~0u - below(r, 4);
	return odd_u32(r);
}

static uint64_t answer(struct rnd *r, uint64_t *resp)
{
	return one_in(r, 5) ? odd_addr(r) : (uint64_t)(uintptr_t)resp;
}

/* --- uverbs ------------------------------------------------------------ */

union verbs_body {
	struct ib_uverbs_reg_mr reg_mr;
	struct ib_uverbs_create_cq create_cq;
	struct ib_uverbs_create_qp create_qp;
	struct ib_uverbs_create_srq create_srq;
	struct ib_uverbs_modify_qp modify_qp;
	uint64_t words[40];
	uint32_t half[80];
};

struct verbs_cmd {
	struct ib_uverbs_cmd_hdr hdr;
	union verbs_body b;
};

static size_t verbs_body(struct rnd *r, uint32_t cmd, union verbs_body *b)
{
	static const uint8_t states[] = { 0, 1, 2, 3, 4, 5, 6, 9 };

	switch (cmd) {
	case IB_USER_VERBS_CMD_REG_MR:
		b->reg_mr.start = odd_addr(r);
		b->reg_mr.length = one_in(r, 3) ? odd_u64(r) : below(r, 99999);
		b->reg_mr.hca_va = one_in(r, 4) ? odd_u64(r) : b->reg_mr.start;
		b->reg_mr.pd_handle = handle(r);
		b->reg_mr.access_flags = one_in(r, 4) ? rnd(r) : below(r, 16);
		return sizeof(b->reg_mr) + 8;
	case IB_USER_VERBS_CMD_CREATE_CQ:
		b->create_cq.cqe = size(r);
		b->create_cq.comp_vector = one_in(r, 9) ? odd_u32(r) : 0;
		b->create_cq.comp_channel = one_in(r, 3) ? (int)below(r, 30) :
							   -1;
		return sizeof(b->create_cq);
	case IB_USER_VERBS_CMD_CREATE_QP:
		b->create_qp.pd_handle = handle(r);
		b->create_qp.send_cq_handle = handle(r);
		b->create_qp.recv_cq_handle = handle(r);
		b->create_qp.srq_handle = handle(r);
		b->create_qp.max_send_wr = size(r);
		b->create_qp.max_recv_wr = size(r);
		b->create_qp.max_send_sge = below(r, 9);
		b->create_qp.max_recv_sge = below(r, 9);
		b->create_qp.max_inline_data = size(r);
		b->create_qp.is_srq = one_in(r, 3);
		b->create_qp.qp_type = one_in(r, 8) ? below(r, 12) : 2;
		return sizeof(b->create_qp);
	case IB_USER_VERBS_CMD_CREATE_SRQ:
		b->create_srq.pd_handle = handle(r);
		b->create_srq.max_wr = size(r);
		b->create_srq.max_sge = below(r, 9);
		b->create_srq.srq_limit = size(r);
		return sizeof(b->create_srq);
	case IB_USER_VERBS_CMD_MODIFY_QP:
		b->modify_qp.qp_handle = handle(r);
		b->modify_qp.attr_mask = one_in(r, 3) ? odd_u32(r) : 1;
		b->modify_qp.qp_state = states[below(r, sizeof(states))];
		b->modify_qp.qp_access_flags = below(r, 16);
		return sizeof(b->modify_qp);
	default:
		/* a pointer and a handle, or only a handle */
		b->half[0] = handle(r);
		b->half[2] = handle(r);
		b->half[3] = odd_u32(r);
		return 8 * (1 + below(r, 6));
	}
}

static bool no_answer(uint32_t cmd)
{
	return cmd == IB_USER_VERBS_CMD_MODIFY_QP ||
	       cmd == IB_USER_VERBS_CMD_DEALLOC_PD ||
	       cmd == IB_USER_VERBS_CMD_DEREG_MR ||
	       cmd == IB_USER_VERBS_CMD_MODIFY_SRQ;
}

void verbs_command(struct rnd *r)
{
	static const uint8_t usual[] = {
		IB_USER_VERBS_CMD_QUERY_DEVICE, IB_USER_VERBS_CMD_QUERY_PORT,
		IB_USER_VERBS_CMD_ALLOC_PD, IB_USER_VERBS_CMD_DEALLOC_PD,
		IB_USER_VERBS_CMD_REG_MR, IB_USER_VERBS_CMD_DEREG_MR,
		IB_USER_VERBS_CMD_CREATE_CQ, IB_USER_VERBS_CMD_DESTROY_CQ,
		IB_USER_VERBS_CMD_CREATE_QP, IB_USER_VERBS_CMD_MODIFY_QP,
		IB_USER_VERBS_CMD_QUERY_QP, IB_USER_VERBS_CMD_DESTROY_QP,
		IB_USER_VERBS_CMD_CREATE_SRQ, IB_USER_VERBS_CMD_MODIFY_SRQ,
		IB_USER_VERBS_CMD_QUERY_SRQ, IB_USER_VERBS_CMD_DESTROY_SRQ,
		IB_USER_VERBS_CMD_CREATE_COMP_CHANNEL,
		IB_USER_VERBS_CMD_POLL_CQ, IB_USER_VERBS_CMD_REQ_NOTIFY_CQ,
		IB_USER_VERBS_CMD_POST_RECV, IB_USER_VERBS_CMD_RESIZE_CQ,
	};
	struct verbs_cmd cmd = { .hdr = {
		.command = usual[below(r, sizeof(usual))], .out_words = 100 } };
	uint64_t resp[200];
	size_t len;
	ssize_t n;

	/* the traffic shall last for a while */
	if (one_in(r, 12))
		cmd.hdr.command = odd_u32(r);
	else if (strchr("\x0b\x0d\x14\x19", (int)cmd.hdr.command) &&
		 !one_in(r, 10))
		return;
	len = sizeof(cmd.hdr) + verbs_body(r, cmd.hdr.command, &cmd.b);
	if (!no_answer(cmd.hdr.command))
		cmd.b.words[0] = answer(r, resp);
	if (one_in(r, 12))
		len = sizeof(cmd.hdr) + 4 * below(r, 70);
	if (one_in(r, 12))
		cmd.hdr.out_words = below(r, 400);
	cmd.hdr.in_words = one_in(r, 20) ? rnd(r) : len / 4;
	n = write(target.cmd_fd[below(r, 2)], &cmd, len);
	(void)n;
}

/* --- rdma_cm ----------------------------------------------------------- */

union cm_body {
	struct rdma_ucm_create_id create_id;
	struct rdma_ucm_bind_ip bind_ip;
	struct rdma_ucm_resolve_ip resolve_ip;
	struct rdma_ucm_connect connect;
	struct rdma_ucm_accept accept;
	struct rdma_ucm_reject reject;
	struct rdma_ucm_set_option set_option;
	struct rdma_ucm_migrate_id migrate_id;
	uint64_t words[80];
	uint32_t half[160];
};

struct cm_cmd {
	struct rdma_ucm_cmd_hdr hdr;
	union cm_body b;
};

static uint32_t id(struct rnd *r)
{
	return one_in(r, 3) ? target.id[below(r, 3)] :
	       one_in(r, 8) ? odd_u32(r) : below(r, 12);
}

static void address(struct rnd *r, struct sockaddr_in6 *to)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	memset(to, 0, sizeof(*to));
	to->sin6_family = one_in(r, 8) ? rnd(r) : AF_INET6;
	if (one_in(r, 3)) {
		to->sin6_addr = in6addr_loopback;
		return;
	}
	in.sin_addr.s_addr = one_in(r, 3) ? rnd(r) : htonl(INADDR_LOOPBACK);
	in.sin_port = one_in(r, 2) ? rnd(r) : 0;
	memcpy(to, &in, sizeof(in));
}

static void param(struct rnd *r, struct rdma_ucm_conn_param *p)
{
	p->qp_num = one_in(r, 4) ? odd_u32(r) : target.qp_num[below(r, 2)];
	p->valid = !one_in(r, 9);
	p->private_data_len = rnd(r);
	p->responder_resources = rnd(r);
	p->initiator_depth = rnd(r);
}

static size_t cm_body(struct rnd *r, uint32_t cmd, union cm_body *b,
		      uint64_t *resp)
{
	switch (cmd) {
	case RDMA_USER_CM_CMD_CREATE_ID:
		b->create_id.uid = rnd64(r);
		b->create_id.response = answer(r, resp);
		b->create_id.ps = one_in(r, 8) ? rnd(r) : RDMA_PS_TCP;
		b->create_id.qp_type = 2;
		return sizeof(b->create_id);
	case RDMA_USER_CM_CMD_BIND_IP:
		address(r, &b->bind_ip.addr);
		b->bind_ip.id = id(r);
		return sizeof(b->bind_ip);
	case RDMA_USER_CM_CMD_RESOLVE_IP:
		address(r, &b->resolve_ip.src_addr);
		address(r, &b->resolve_ip.dst_addr);
		b->resolve_ip.id = id(r);
		b->resolve_ip.timeout_ms = below(r, 100);
		return sizeof(b->resolve_ip);
	case RDMA_USER_CM_CMD_CONNECT:
		param(r, &b->connect.conn_param);
		b->connect.id = id(r);
		return sizeof(b->connect);
	case RDMA_USER_CM_CMD_ACCEPT:
		param(r, &b->accept.conn_param);
		b->accept.uid = rnd64(r);
		b->accept.id = id(r);
		return sizeof(b->accept);
	case RDMA_USER_CM_CMD_REJECT:
		b->reject.id = id(r);
		b->reject.private_data_len = rnd(r);
		b->reject.reason = rnd(r);
		return sizeof(b->reject);
	case RDMA_USER_CM_CMD_SET_OPTION:
		b->set_option.optval = answer(r, resp);
		b->set_option.id = id(r);
		b->set_option.level = below(r, 3);
		b->set_option.optname = below(r, 6);
		b->set_option.optlen = one_in(r, 4) ? odd_u32(r) : below(r, 9);
		return sizeof(b->set_option);
	case RDMA_USER_CM_CMD_MIGRATE_ID:
		b->migrate_id.response = answer(r, resp);
		b->migrate_id.id = id(r);
		b->migrate_id.fd = one_in(r, 3) ? below(r, 40) :
				   (uint32_t)target.cm_fd[below(r, 2)];
		return sizeof(b->migrate_id);
	case RDMA_USER_CM_CMD_LISTEN:
	case RDMA_USER_CM_CMD_DISCONNECT:
	case RDMA_USER_CM_CMD_RESOLVE_ROUTE:
	case RDMA_USER_CM_CMD_NOTIFY:
		b->half[0] = id(r);
		b->half[1] = odd_u32(r);
		return 8;
	default:
		/* answer, identifier, and what is behind it */
		b->words[0] = answer(r, resp);
		b->half[2] = id(r);
		b->half[3] = odd_u32(r);
		return 16;
	}
}

void cm_command(struct rnd *r)
{
	uint64_t resp[100];
	struct cm_cmd cmd = { .hdr = { .cmd = below(r, 25), .out = 600 } };
	size_t len;
	ssize_t n;

	/* these wait, or end the traffic */
	if (cmd.hdr.cmd == RDMA_USER_CM_CMD_GET_EVENT)
		return;
	if ((cmd.hdr.cmd == RDMA_USER_CM_CMD_DISCONNECT ||
	     cmd.hdr.cmd == RDMA_USER_CM_CMD_DESTROY_ID) && !one_in(r, 10))
		return;
	if (one_in(r, 20))
		cmd.hdr.cmd = odd_u32(r);
	len = cm_body(r, cmd.hdr.cmd, &cmd.b, resp);
	cmd.hdr.in = one_in(r, 15) ? rnd(r) : len;
	if (one_in(r, 15))
		cmd.hdr.out = rnd(r);
	if (one_in(r, 15))
		len = below(r, sizeof(cmd.b));
	n = write(target.cm_fd[below(r, 2)], &cmd, sizeof(cmd.hdr) + len);
	(void)n;
}
