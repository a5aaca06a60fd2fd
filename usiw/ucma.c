// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The rdma_cm file: commands that librdmacm write()s, and identifiers. The
 * contract is <rdma/rdma_user_cm.h>; the port space is RDMA_PS_TCP.
 *
 * A command is copied before it is looked at, and its lengths are checked once,
 * in dispatch().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <infiniband/verbs.h>

#include "ucma.h"

static struct usiw_handles ids;

int cm_reply(const struct cm_cmd *c, u64 to, const void *resp, size_t len,
	     size_t min)
{
	if (c->out_len < min)
		return -ENOSPC;
	return usiw_put_user(to, resp, len < c->out_len ? len : c->out_len);
}

/* --- identifiers ---------------------------------------------------------------- */

/* The identifier of this file with that handle, or NULL. */
struct cm_id *cm_get(const struct cm_cmd *c, u32 handle)
{
	struct cm_id *id = usiw_handle_get(&ids, handle);

	return id && id->file == c->file && !id->untold ? id : NULL;
}

struct cm_id *cm_id_new(struct usiw_file *f, u64 uid)
{
	struct cm_id *id = calloc(1, sizeof(*id));
	int handle;

	if (!id)
		return NULL;
	handle = usiw_handle_new(&ids, id);
	if (handle < 0) {
		free(id);
		return NULL;
	}
	TAILQ_INIT(&id->held);
	id->handle = (u32)handle;
	id->file = f;
	id->uid = uid;
	return id;
}

void cm_id_free(struct cm_id *id)
{
	cm_drop_events(id);
	if (id->ep)
		usiw_ep_destroy(id->ep);
	usiw_handle_free(&ids, id->handle);
	free(id);
}

static int create_id(const struct cm_cmd *c)
{
	const struct rdma_ucm_create_id *r = c->in;
	struct rdma_ucm_create_id_resp resp;
	struct cm_id *id;
	int rv;

	if (r->ps != RDMA_PS_TCP)
		return -EPROTONOSUPPORT;
	id = cm_id_new(c->file, r->uid);
	if (!id)
		return -ENOMEM;
	resp.id = id->handle;
	rv = cm_reply(c, r->response, &resp, sizeof(resp), sizeof(resp));
	if (rv)
		cm_id_free(id);
	return rv;
}

static int destroy_id(const struct cm_cmd *c)
{
	const struct rdma_ucm_destroy_id *r = c->in;
	struct rdma_ucm_destroy_id_resp resp;
	struct cm_id *id = cm_get(c, r->id);

	if (!id)
		return -EINVAL;
	if (c->out_len < sizeof(resp))
		return -ENOSPC;
	resp.events_reported = id->events;
	cm_id_free(id);
	return cm_reply(c, r->response, &resp, sizeof(resp), sizeof(resp));
}

/* Written to the new file; the old one is named by a descriptor. */
static int migrate_id(const struct cm_cmd *c)
{
	const struct rdma_ucm_migrate_id *r = c->in;
	struct rdma_ucm_migrate_resp resp;
	struct cm_cmd from = *c;
	struct cm_id *id;

	from.file = usiw_fd_file((int)r->fd);
	if (!from.file)
		return -ENOENT;
	if (from.file->kind != USIW_FILE_UCMA || from.file->dead)
		return -EINVAL;
	id = cm_get(&from, r->id);
	if (!id)
		return -EINVAL;
	if (c->out_len < sizeof(resp))
		return -ENOSPC;
	resp.events_reported = id->events;
	if (id->file != c->file)
		cm_move_events(id, c->file);
	id->file = c->file;
	return cm_reply(c, r->response, &resp, sizeof(resp), sizeof(resp));
}

static int id_option(struct cm_id *id, u32 name, const void *val, u32 len)
{
	int num;

	switch (name) {
	case RDMA_OPTION_ID_REUSEADDR:
		if (len != sizeof(num))
			return -EINVAL;
		memcpy(&num, val, sizeof(num));
		if (num && id->state == CM_LISTEN)
			return -EINVAL;
		id->reuse = num;
		return 0;
	case RDMA_OPTION_ID_AFONLY:
		if (len != sizeof(num))
			return -EINVAL;
		memcpy(&num, val, sizeof(num));
		/* TCP wants to know it before it has an address */
		if (id->state != CM_IDLE &&
		    (id->state != CM_BOUND || !!num != id->afonly))
			return -EINVAL;
		id->afonly = num;
		return 0;
	case RDMA_OPTION_ID_TOS:
		if (len != sizeof(id->tos))
			return -EINVAL;
		memcpy(&id->tos, val, sizeof(id->tos));
		if (id->ep)
			usiw_ep_set_tos(id->ep, id->tos);
		return 0;
	case RDMA_OPTION_ID_ACK_TIMEOUT:
		return len == 1 ? 0 : -EINVAL;	/* TCP has its own */
	default:
		return -ENOSYS;
	}
}

static int set_option(const struct cm_cmd *c)
{
	const struct rdma_ucm_set_option *r = c->in;
	struct cm_id *id = cm_get(c, r->id);

	if (!id)
		return -EINVAL;
	if (r->level != RDMA_OPTION_ID)
		return -ENOSYS;
	if (!r->optval)
		return -EFAULT;
	return id_option(id, r->optname, (void *)(uintptr_t)r->optval,
			 r->optlen);
}

/* Only InfiniBand wants to be told of a connection's first message. */
static int notify(const struct cm_cmd *c)
{
	const struct rdma_ucm_notify *r = c->in;

	return cm_get(c, r->id) ? 0 : -EINVAL;
}

/* --- commands ---------------------------------------------------------------------- */

/* @in: least octets behind the header */
struct command {
	int (*run)(const struct cm_cmd *c);
	size_t in;
};

#define CMD(op, fn, name) [RDMA_USER_CM_CMD_##op] = \
	{ fn, sizeof(struct rdma_ucm_##name) }
/* these grew an extension at the end */
#define CMD_ECE(op, fn, name) [RDMA_USER_CM_CMD_##op] = \
	{ fn, sizeof(struct rdma_ucm_##name) - sizeof(struct rdma_ucm_ece) }

static const struct command commands[] = {
	CMD(CREATE_ID, create_id, create_id),
	CMD(DESTROY_ID, destroy_id, destroy_id),
	CMD(BIND_IP, cm_bind_ip, bind_ip),
	CMD(RESOLVE_IP, cm_resolve_ip, resolve_ip),
	CMD(RESOLVE_ROUTE, cm_resolve_route, resolve_route),
	CMD(QUERY_ROUTE, cm_query_route, query),
	CMD_ECE(CONNECT, cm_connect, connect),
	CMD(LISTEN, cm_listen, listen),
	CMD_ECE(ACCEPT, cm_accept, accept),
	CMD(REJECT, cm_reject, reject),
	CMD(DISCONNECT, cm_disconnect, disconnect),
	CMD(INIT_QP_ATTR, cm_init_qp_attr, init_qp_attr),
	CMD(SET_OPTION, set_option, set_option),
	CMD(NOTIFY, notify, notify),
	CMD(MIGRATE_ID, migrate_id, migrate_id),
	CMD(QUERY, cm_query, query),
	CMD(BIND, cm_bind_addr, bind),
	CMD(RESOLVE_ADDR, cm_resolve_addr, resolve_addr),
};

#define CMD_MAX		1024	/* octets; the longest is about 350 */

static int dispatch(struct usiw_file *f, const void *buf, size_t len)
{
	const struct rdma_ucm_cmd_hdr *hdr;
	u64 copy[CMD_MAX / 8] = { 0 };
	const struct command *cmd;
	struct cm_cmd c;

	if (len < sizeof(*hdr) || len > sizeof(copy))
		return -EINVAL;
	memcpy(copy, buf, len);
	hdr = (void *)copy;
	if (hdr->cmd == RDMA_USER_CM_CMD_GET_EVENT)
		return -ENOSPC;		/* cm_takes() did not want it */
	if (hdr->cmd > RDMA_USER_CM_CMD_JOIN_MCAST)
		return -EINVAL;
	if (hdr->in + sizeof(*hdr) > len)
		return -EINVAL;
	if (hdr->cmd >= sizeof(commands) / sizeof(commands[0]) ||
	    !commands[hdr->cmd].run)
		return -ENOSYS;
	cmd = &commands[hdr->cmd];
	if (hdr->in < cmd->in)
		return -EINVAL;
	c.file = f;
	c.in = hdr + 1;
	c.in_len = hdr->in;
	c.out_len = hdr->out;
	return cmd->run(&c);
}

static ssize_t cm_write(struct usiw_file *f, const void *buf, size_t len)
{
	const struct rdma_ucm_cmd_hdr *hdr = buf;
	int rv = dispatch(f, buf, len);

	if (rv)
		usiw_say(2, "rdma_cm command %u: %s",
			 len < sizeof(*hdr) ? ~0u : hdr->cmd, strerror(-rv));
	return rv ? rv : (ssize_t)len;
}

/* --- the file ------------------------------------------------------------------------ */

static void cm_release(struct usiw_file *f)
{
	struct cm_id *id;
	u32 i;

	/* a request that waits to be told goes with its listener */
	for (i = 0; i < ids.size; i++) {
		id = usiw_handle_get(&ids, i);
		if (id && id->file == f && !id->untold)
			cm_id_free(id);
	}
}

static const struct usiw_file_ops cm_ops = {
	.write = cm_write,
	.takes = cm_takes,
	.early = cm_early,
	.take = cm_take,
	.release = cm_release,
};

/* In the child: the identifiers stay the parent's. */
void usiw_ucma_forked(void)
{
	ids = (struct usiw_handles){};
}

/**
 * usiw_ucma_open() - open() of the rdma_cm file. Without the lock.
 * @flags: as given to open()
 *
 * Return: a descriptor or a negative errno value.
 */
int usiw_ucma_open(int flags)
{
	int cancel, fd = usiw_eventfd(flags & O_CLOEXEC);
	struct usiw_file *f;

	if (fd < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		libc()->fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	usiw_enter(&cancel);
	f = usiw_file_new(USIW_FILE_UCMA, &cm_ops, fd, NULL);
	if (f)
		f->rdev = usiw_dev()->ucma_dev;
	usiw_leave(cancel);
	return f ? fd : -ENOMEM;
}
