// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * RDMA netlink: how libibverbs and librdmacm find devices. The program gets one
 * end of a socket pair; answers are put into the other end at once, so waiting,
 * peeking and truncation are the kernel's. Where the host has RDMA itself, what
 * is not about our device is passed on, and its devices are listed before ours.
 *
 * Requests come from the program: lengths are checked. usiw_lock() serialises.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/rdma_netlink.h>
#include <rdma/rdma_user_cm.h>

#include "front.h"

struct nl {
	int answer;		/* the other end of the program's socket */
	int host;		/* the kernel's RDMA netlink, or -1 */
};

struct out {
	struct nlmsghdr hdr;
	u8 attrs[1024];
};

static void put(struct out *o, u16 type, const void *data, size_t len)
{
	struct nlattr *a = (struct nlattr *)((u8 *)o + o->hdr.nlmsg_len);

	a->nla_type = type;
	a->nla_len = (u16)(NLA_HDRLEN + len);
	memcpy((u8 *)a + NLA_HDRLEN, data, len);
	o->hdr.nlmsg_len += NLA_ALIGN(a->nla_len);
}

static void put_u8(struct out *o, u16 type, u8 val)
{
	put(o, type, &val, sizeof(val));
}

static void put_u32(struct out *o, u16 type, u32 val)
{
	put(o, type, &val, sizeof(val));
}

static void put_u64(struct out *o, u16 type, u64 val)
{
	put(o, type, &val, sizeof(val));
}

static void put_str(struct out *o, u16 type, const char *val)
{
	put(o, type, val, strlen(val) + 1);
}

static void begin(struct out *o, const struct nlmsghdr *req, u16 type,
		  u16 flags)
{
	memset(o, 0, sizeof(*o));
	o->hdr.nlmsg_len = NLMSG_HDRLEN;
	o->hdr.nlmsg_type = type;
	o->hdr.nlmsg_flags = flags;
	o->hdr.nlmsg_seq = req->nlmsg_seq;
	o->hdr.nlmsg_pid = req->nlmsg_pid;
}

static void answer(const struct nl *nl, const void *msg, size_t len)
{
	if (libc()->send(nl->answer, msg, len, MSG_DONTWAIT) < 0)
		usiw_say(1, "RDMA netlink: cannot answer: %m");
}

static void finish(const struct nl *nl, const struct out *o)
{
	answer(nl, o, o->hdr.nlmsg_len);
}

static void answer_error(const struct nl *nl, const struct nlmsghdr *req,
			 int err)
{
	struct nlmsgerr e = { .error = err, .msg = *req };
	struct out o;

	begin(&o, req, NLMSG_ERROR, 0);
	memcpy(o.attrs, &e, sizeof(e));
	o.hdr.nlmsg_len += sizeof(e);
	finish(nl, &o);
}

static void answer_done(const struct nl *nl, const struct nlmsghdr *req)
{
	struct out o;

	begin(&o, req, NLMSG_DONE, NLM_F_MULTI);
	o.hdr.nlmsg_len += sizeof(int);		/* result: 0 */
	finish(nl, &o);
}

/* --- the host's own devices -------------------------------------------------------- */

/*
 * Ask the kernel; its answers go to the program, the end of a dump excepted.
 * Both are immediate: RDMA netlink works in the context of the caller.
 *
 * Return: false if there was no answer.
 */
static bool ask_host(const struct nl *nl, const struct nlmsghdr *req)
{
	bool dump = (req->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	bool answered = false;
	struct nlmsghdr *h;
	char buf[16384] __attribute__((aligned(8)));
	ssize_t got;
	size_t len;

	if (nl->host < 0 ||
	    libc()->send(nl->host, req, req->nlmsg_len, 0) < 0)
		return false;
	for (;;) {
		got = libc()->recvfrom(nl->host, buf, sizeof(buf), MSG_DONTWAIT,
				       NULL, NULL);
		if (got <= 0)
			return answered;
		len = (size_t)got;
		for (h = (void *)buf; NLMSG_OK(h, len);
		     h = NLMSG_NEXT(h, len)) {
			if (dump && (h->nlmsg_type == NLMSG_DONE ||
				     h->nlmsg_type == NLMSG_ERROR))
				return answered;
			h->nlmsg_pid = req->nlmsg_pid;
			answer(nl, h, h->nlmsg_len);
			answered = true;
			if (NLMSG_ALIGN(h->nlmsg_len) > len)
				break;	/* the last one needs no pad */
		}
		if (!dump)
			return answered;
	}
}

/* --- requests ------------------------------------------------------------------------- */

/* An attribute of a request, at least @len octets long; or NULL. */
static const void *attr(const struct nlmsghdr *req, u16 type, size_t len)
{
	const u8 *p = (const u8 *)req + NLMSG_HDRLEN;
	const u8 *end = (const u8 *)req + req->nlmsg_len;
	const struct nlattr *a;

	while (end - p >= NLA_HDRLEN) {
		a = (const void *)p;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - p)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return (size_t)(a->nla_len - NLA_HDRLEN) >= len ?
			       p + NLA_HDRLEN : NULL;
		if (end - p <= NLA_ALIGN(a->nla_len))
			return NULL;
		p += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

/* Is the request about our device? Also true if it names none. */
static bool for_us(const struct nlmsghdr *req)
{
	const u32 *index = attr(req, RDMA_NLDEV_ATTR_DEV_INDEX, sizeof(*index));

	return !index || *index == usiw_dev()->index;
}

static void get_device(const struct nl *nl, const struct nlmsghdr *req,
		       u16 flags)
{
	const struct usiw_dev *dev = usiw_dev();
	struct out o;

	begin(&o, req, req->nlmsg_type, flags);
	put_u32(&o, RDMA_NLDEV_ATTR_DEV_INDEX, dev->index);
	put_str(&o, RDMA_NLDEV_ATTR_DEV_NAME, dev->name);
	put_u32(&o, RDMA_NLDEV_ATTR_PORT_INDEX, 1);
	put_u64(&o, RDMA_NLDEV_ATTR_CAP_FLAGS, 0);
	put_str(&o, RDMA_NLDEV_ATTR_FW_VERSION, "");
	put_u64(&o, RDMA_NLDEV_ATTR_NODE_GUID, dev->guid);
	put_u64(&o, RDMA_NLDEV_ATTR_SYS_IMAGE_GUID, dev->guid);
	put_u8(&o, RDMA_NLDEV_ATTR_DEV_NODE_TYPE, 4);	/* RNIC */
	put_str(&o, RDMA_NLDEV_ATTR_DEV_PROTOCOL, "iw");
	finish(nl, &o);
}

static u64 encode_dev(dev_t dev)
{
	u64 minor = minor(dev);

	return (minor & 0xff) | (u64)major(dev) << 8 |
	       (minor & ~0xffULL) << 12;
}

static void get_chardev(const struct nl *nl, const struct nlmsghdr *req)
{
	const struct usiw_dev *dev = usiw_dev();
	const char *type = attr(req, RDMA_NLDEV_ATTR_CHARDEV_TYPE, 1);
	size_t len = type ? ((const struct nlattr *)(type - NLA_HDRLEN))->nla_len -
			    NLA_HDRLEN : 0;
	struct out o;

	begin(&o, req, req->nlmsg_type, 0);
	if (type && for_us(req) && !strncmp(type, "uverbs", len)) {
		put_str(&o, RDMA_NLDEV_ATTR_CHARDEV_NAME, dev->uverbs);
		put_u64(&o, RDMA_NLDEV_ATTR_CHARDEV_ABI, SIW_ABI_VERSION);
		put_u64(&o, RDMA_NLDEV_ATTR_CHARDEV,
			encode_dev(dev->uverbs_dev));
		put_u32(&o, RDMA_NLDEV_ATTR_UVERBS_DRIVER_ID, RDMA_DRIVER_SIW);
	} else if (type && !strncmp(type, "rdma_cm", len)) {
		put_str(&o, RDMA_NLDEV_ATTR_CHARDEV_NAME, "rdma_cm");
		put_u64(&o, RDMA_NLDEV_ATTR_CHARDEV_ABI,
			RDMA_USER_CM_ABI_VERSION);
		put_u64(&o, RDMA_NLDEV_ATTR_CHARDEV, encode_dev(dev->ucma_dev));
	} else {
		if (!ask_host(nl, req))
			answer_error(nl, req, -EOPNOTSUPP);
		return;
	}
	finish(nl, &o);
}

static void get_sys(const struct nl *nl, const struct nlmsghdr *req)
{
	struct out o;

	begin(&o, req, req->nlmsg_type, 0);
	put_u8(&o, RDMA_NLDEV_SYS_ATTR_NETNS_MODE, 1);
	/* the data path is the program's own memory accesses */
	put_u8(&o, RDMA_NLDEV_SYS_ATTR_COPY_ON_FORK, 1);
	finish(nl, &o);
}

static void request(const struct nl *nl, const struct nlmsghdr *req)
{
	bool dump = (req->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

	switch (req->nlmsg_type) {
	case RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET):
		if (dump) {
			ask_host(nl, req);
			get_device(nl, req, NLM_F_MULTI);
			answer_done(nl, req);
		} else if (for_us(req)) {
			get_device(nl, req, 0);
		} else if (!ask_host(nl, req)) {
			answer_error(nl, req, -ENODEV);
		}
		break;
	case RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET_CHARDEV):
		get_chardev(nl, req);
		break;
	case RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SYS_GET):
		get_sys(nl, req);
		break;
	default:
		if (dump) {
			ask_host(nl, req);
			answer_done(nl, req);
		} else if (!ask_host(nl, req)) {
			answer_error(nl, req, -EOPNOTSUPP);
		}
	}
}

/**
 * usiw_nldev_send() - requests from the program
 * @f: its socket
 * @buf: netlink messages
 * @len: octets
 *
 * Return: @len, or -EINVAL.
 */
ssize_t usiw_nldev_send(struct usiw_file *f, const void *buf, size_t len)
{
	char copy[4096] __attribute__((aligned(8)));
	const struct nlmsghdr *h;
	size_t left = len;

	if (len > sizeof(copy))
		return -EMSGSIZE;
	memcpy(copy, buf, len);
	for (h = (void *)copy; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		request(f->priv, h);
		if (NLMSG_ALIGN(h->nlmsg_len) > left)
			break;		/* the last one needs no pad */
	}
	return (ssize_t)len;
}

static void nl_release(struct usiw_file *f)
{
	struct nl *nl = f->priv;

	libc()->close(nl->answer);
	if (nl->host >= 0)
		libc()->close(nl->host);
	free(nl);
}

static ssize_t nl_write(struct usiw_file *f, const void *buf, size_t len)
{
	return usiw_nldev_send(f, buf, len);
}

static const struct usiw_file_ops nl_ops = {
	.write = nl_write,
	.release = nl_release,
};

/**
 * usiw_nldev_socket() - socket(AF_NETLINK, @type, NETLINK_RDMA). Without the lock.
 * @type: as given to socket()
 *
 * Return: a descriptor or a negative errno value.
 */
int usiw_nldev_socket(int type)
{
	int cancel, fd[2], flags = type & (SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct usiw_file *f = NULL;
	struct nl *nl;

	if (socketpair(AF_UNIX, SOCK_DGRAM | flags, 0, fd))
		return -errno;
	nl = calloc(1, sizeof(*nl));
	if (!nl) {
		libc()->close(fd[0]);
		libc()->close(fd[1]);
		return -ENOMEM;
	}
	nl->answer = fd[1];
	libc()->fcntl(nl->answer, F_SETFD, FD_CLOEXEC);
	nl->host = libc()->socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				  NETLINK_RDMA);
	usiw_enter(&cancel);
	f = usiw_file_new(USIW_FILE_NETLINK, &nl_ops, fd[0], nl);
	usiw_leave(cancel);
	if (f)
		return fd[0];
	libc()->close(nl->answer);
	if (nl->host >= 0)
		libc()->close(nl->host);
	free(nl);
	return -ENOMEM;
}
