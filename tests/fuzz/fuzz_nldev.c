// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * usiw's RDMA netlink socket, and its files of /sys and /dev: requests of a
 * program, as it likes them, and answers of a host that has RDMA itself, or says
 * that it has. Every answer to the program is a well-formed message.
 *
 * Input: flags, length of what the host answers (2), that, then a request, or
 * with F_PATH a path; with F_MEND headers are made to fit what there is.
 */
#include <fcntl.h>
#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>

#include "front.h"

enum { F_HOST = 1, F_PATH = 2, F_MEND = 4, F_DUMP = 8, F_TYPE = 0xf0 };

static int host_end = -1;	/* where the host answers */
static int (*real_socket)(int domain, int type, int protocol);

/* There is no netlink; the host is at the other end of a pair, or missing. */
static int socket_pair_or_none(int domain, int type, int protocol)
{
	int fd[2];

	if (domain != AF_NETLINK)
		return real_socket(domain, type, protocol);
	if (host_end == -1)
		return -1;
	MUST(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd));
	host_end = fd[1];
	return fd[0];
}

static void check_attrs(const u8 *p, size_t len)
{
	const struct nlattr *a;
	size_t size;

	while (len) {
		a = (const void *)p;
		MUST(len >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN);
		size = (size_t)NLA_ALIGN(a->nla_len);
		MUST(size <= len);
		p += size;
		len -= size;
	}
}

static void check_answers(int fd, bool host)
{
	static u8 buf[65536] __attribute__((aligned(8)));
	const struct nlmsghdr *h = (const void *)buf;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0) {
		/* what the host says is passed on as it is */
		MUST(n >= (ssize_t)sizeof(*h) && h->nlmsg_len == (u32)n);
		if (h->nlmsg_type >= 16 && !host)
			check_attrs(buf + NLMSG_HDRLEN, (size_t)n -
							NLMSG_HDRLEN);
	}
}

static void mend(u8 *msg, size_t len, u8 flags)
{
	static const u16 types[] = {
		RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET),
		RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET_CHARDEV),
		RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SYS_GET),
		RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_PORT_GET),
	};
	struct nlmsghdr h;

	if (len < sizeof(h))
		return;
	memcpy(&h, msg, sizeof(h));
	h.nlmsg_len = (u32)len;
	if ((flags & F_TYPE) >> 4 < 12)
		h.nlmsg_type = types[(flags & F_TYPE) >> 4 & 3];
	h.nlmsg_flags = flags & F_DUMP ? NLM_F_REQUEST | NLM_F_DUMP :
					 NLM_F_REQUEST;
	memcpy(msg, &h, sizeof(h));
}

static void request(struct fuzz_in *in, u8 flags)
{
	u16 host_len = fuzz_u16(in) % 2048;
	u8 answer[2048], msg[5000];
	size_t len;
	int fd, peer;

	fuzz_octets(in, answer, host_len);
	len = in->left < sizeof(msg) ? in->left : sizeof(msg);
	fuzz_octets(in, msg, len);
	if (flags & F_MEND) {
		mend(answer, host_len, flags ^ F_DUMP);
		mend(msg, len, flags);
	}
	host_end = flags & F_HOST ? -2 : -1;
	fd = usiw_nldev_socket(SOCK_RAW | SOCK_CLOEXEC);
	MUST(fd >= 0);
	if (flags & F_HOST && host_len)
		MUST(send(host_end, answer, host_len, 0) == host_len);
	front_write(fd, msg, len);
	check_answers(fd, flags & F_HOST);
	peer = host_end;
	front_close(fd);
	if (peer >= 0)
		close(peer);
}

static void path(struct fuzz_in *in)
{
	static const char *const dirs[] = {
		"/dev/infiniband/", "/sys/class/infiniband/",
		"/sys/class/infiniband/siw0/", "/sys/class/misc/rdma_cm/",
		"/sys/class/infiniband/siw0/ports/1/",
		"/sys/class/infiniband/siw0/ports/1/gids/",
		"/sys/class/infiniband_verbs/uverbs0/", "",
	};
	const char *dir = dirs[fuzz_u8(in) % 8];
	size_t at = strlen(dir), len = in->left < 200 ? in->left : 200;
	char *name = malloc(at + len + 1);
	struct stat st;
	int fd;

	MUST(name);
	memcpy(name, dir, at);
	fuzz_octets(in, name + at, len);
	name[at + len] = 0;
	usiw_path_stat(name, &st);
	fd = usiw_path_open(name, O_RDONLY | O_CLOEXEC);
	/* what can be opened is there */
	if (fd >= 0) {
		MUST(!usiw_path_stat(name, &st));
		front_close(fd);
	}
	free(name);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 flags = fuzz_u8(&in);

	user_init();
	if (!real_socket) {
		real_socket = libc()->socket;
		usiw_libc_.socket = socket_pair_or_none;
	}
	if (flags & F_PATH)
		path(&in);
	else
		request(&in, flags);
	return 0;
}
