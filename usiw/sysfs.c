// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The device: its names and numbers, its GIDs, and the files of /dev and /sys
 * that programs read about it. Nothing of this is on a disk: an attribute is
 * made when it is opened, so there is nothing to clean up, a read-only or shared
 * file system does not matter, and the files of real devices stay in view.
 *
 * One device serves all addresses of this host.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <linux/if_packet.h>

#include "front.h"

#define DEV_DIR		"/dev/infiniband/"
#define IB_DIR		"/sys/class/infiniband/"
#define VERBS_DIR	"/sys/class/infiniband_verbs/"
#define UCMA_DIR	"/sys/class/misc/rdma_cm/"

/* Not those of the kernel: its uverbs devices are 231:192 and up. */
#define DEV_MAJOR	231
#define UVERBS_MINOR	0xfff00
#define UCMA_MINOR	0xfff01
#define DEV_INDEX	0x51e0

static struct usiw_dev dev;

/* --- what the host has --------------------------------------------------------- */

/*
 * The same in all processes of a host: made of the smallest hardware address,
 * or of the host's identity where there is none.
 */
static u64 find_guid(void)
{
	struct ifaddrs *list, *i;
	u64 guid = 0, mac;

	if (!getifaddrs(&list)) {
		for (i = list; i; i = i->ifa_next) {
			const struct sockaddr_ll *ll = (void *)i->ifa_addr;

			if (!ll || ll->sll_family != AF_PACKET ||
			    ll->sll_halen != 6)
				continue;
			mac = 0;
			memcpy(&mac, ll->sll_addr, 6);
			mac = be64toh(mac) >> 16;
			if (mac && (!guid || mac < guid))
				guid = mac;
		}
		freeifaddrs(list);
	}
	if (!guid)
		guid = (u32)gethostid() | 1;
	/* EUI-64 of that address, of local significance */
	return (guid >> 24 ^ 0x020000) << 40 | 0xfffeULL << 24 |
	       (guid & 0xffffff);
}

/* The first @fmt with a number that @dir does not have for a real device. */
static void pick_name(char *name, size_t size, const char *dir, const char *fmt)
{
	char path[64];
	struct stat st;
	int i;

	for (i = 0; i < 256; i++) {
		snprintf(name, size, fmt, i);
		snprintf(path, sizeof(path), "%s%s", dir, name);
		if (libc()->stat(path, &st))
			return;
	}
}

static void dev_init(void)
{
	pick_name(dev.name, sizeof(dev.name), IB_DIR, "siw%d");
	pick_name(dev.uverbs, sizeof(dev.uverbs), VERBS_DIR, "uverbs%d");
	dev.index = DEV_INDEX;
	dev.guid = find_guid();
	dev.uverbs_dev = makedev(DEV_MAJOR, UVERBS_MINOR);
	dev.ucma_dev = makedev(DEV_MAJOR, UCMA_MINOR);
}

const struct usiw_dev *usiw_dev(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, dev_init);
	return &dev;
}

static bool gid_of(struct in6_addr *gid, const struct sockaddr *addr)
{
	if (!addr)
		return false;
	if (addr->sa_family == AF_INET6) {
		*gid = ((const struct sockaddr_in6 *)addr)->sin6_addr;
		return true;
	}
	if (addr->sa_family != AF_INET)
		return false;
	memset(gid, 0, 10);
	memset(&gid->s6_addr[10], 0xff, 2);
	memcpy(&gid->s6_addr[12],
	       &((const struct sockaddr_in *)addr)->sin_addr, 4);
	return true;
}

u32 usiw_gids(struct in6_addr *gid, u32 max)
{
	const u64 head[2] = { htobe64(0xfe80ULL << 48),
			      htobe64(usiw_dev()->guid) };
	struct ifaddrs *list, *i;
	u32 cnt = 0;

	memcpy(&gid[cnt++], head, sizeof(*gid));
	if (getifaddrs(&list))
		return cnt;
	for (i = list; i && cnt < max; i = i->ifa_next)
		if ((i->ifa_flags & IFF_UP) && gid_of(&gid[cnt], i->ifa_addr))
			cnt++;
	freeifaddrs(list);
	return cnt;
}

u32 usiw_mtu(void)
{
	struct ifaddrs *list, *i;
	struct ifreq req;
	u32 mtu = 0;
	int fd;

	fd = libc()->socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || getifaddrs(&list))
		list = NULL;
	for (i = list; i; i = i->ifa_next) {
		if (!(i->ifa_flags & IFF_UP))
			continue;
		memset(&req, 0, sizeof(req));
		strncpy(req.ifr_name, i->ifa_name, sizeof(req.ifr_name) - 1);
		if (!libc()->ioctl(fd, SIOCGIFMTU, &req) &&
		    (u32)req.ifr_mtu > mtu)
			mtu = (u32)req.ifr_mtu;
	}
	if (list)
		freeifaddrs(list);
	if (fd >= 0)
		libc()->close(fd);
	return mtu ? mtu : 1500;
}

/* --- attributes ------------------------------------------------------------------ */

/* The rest of @path behind @dir, or NULL. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) ? NULL : path + len;
}

/* below() "@dir@name/" */
static const char *below_name(const char *path, const char *dir,
			      const char *name)
{
	size_t len = strlen(name);

	path = below(path, dir);
	if (!path || strncmp(path, name, len) || path[len] != '/')
		return NULL;
	return path + len + 1;
}

static char *guid_text(u64 guid)
{
	char *text;

	if (asprintf(&text, "%04x:%04x:%04x:%04x\n", (u16)(guid >> 48),
		     (u16)(guid >> 32), (u16)(guid >> 16), (u16)guid) < 0)
		return NULL;
	return text;
}

static char *gid_text(u32 index)
{
	struct in6_addr gid[USIW_GID_MAX];
	const u8 *a;
	char *text;
	int i, at = 0;

	if (index >= usiw_gids(gid, USIW_GID_MAX))
		return NULL;
	text = malloc(48);
	if (!text)
		return NULL;
	a = gid[index].s6_addr;
	for (i = 0; i < 16; i += 2)
		at += sprintf(text + at, "%02x%02x%c", a[i], a[i + 1],
			      i == 14 ? '\n' : ':');
	return text;
}

struct attr {
	const char *name, *text;
};

static const struct attr dev_attrs[] = {
	{ "node_type", "4: RNIC\n" },
	{ "node_desc", "Software iWARP stack\n" },
	{ "hw_rev", "0\n" },
	{ "fw_ver", "\n" },
	{ "ports/1/state", "4: ACTIVE\n" },
	{ "ports/1/phys_state", "5: LinkUp\n" },
	{ "ports/1/link_layer", "Ethernet\n" },
	{ "ports/1/rate", "10 Gb/sec (4X SDR)\n" },
	{ "ports/1/lid", "0x0\n" },
	{ "ports/1/lid_mask_count", "0\n" },
	{ "ports/1/sm_lid", "0x0\n" },
	{ "ports/1/sm_sl", "0\n" },
	{ "ports/1/cap_mask", "0x00890000\n" },
	{ "ports/1/pkeys/0", "0xffff\n" },
	{ NULL, NULL }
};

static const struct attr verbs_attrs[] = {
	{ "abi_version", "1\n" },
	{ NULL, NULL }
};

static char *find_attr(const struct attr *a, const char *name)
{
	for (; a->name; a++)
		if (!strcmp(a->name, name))
			return strdup(a->text);
	return NULL;
}

static char *dev_attr(const char *name)
{
	const char *gid = below(name, "ports/1/gids/");
	unsigned long index;
	char *end;

	if (!strcmp(name, "node_guid") || !strcmp(name, "sys_image_guid"))
		return guid_text(usiw_dev()->guid);
	if (!gid)
		return find_attr(dev_attrs, name);
	index = strtoul(gid, &end, 10);
	return *gid && !*end && index < USIW_GID_MAX ? gid_text((u32)index) :
						       NULL;
}

char *usiw_sysfs_text(const char *path)
{
	const char *name;
	char *text;

	name = below_name(path, IB_DIR, usiw_dev()->name);
	if (name)
		return dev_attr(name);
	name = below_name(path, VERBS_DIR, usiw_dev()->uverbs);
	if (name && !strcmp(name, "ibdev"))
		return asprintf(&text, "%s\n", usiw_dev()->name) < 0 ? NULL :
								      text;
	if (name)
		return find_attr(verbs_attrs, name);
	if (!strcmp(path, VERBS_DIR "abi_version"))
		return strdup("6\n");
	if (!strcmp(path, UCMA_DIR "abi_version"))
		return strdup("4\n");
	return NULL;
}

bool usiw_sysfs_dir(const char *path)
{
	const char *name = below(path, IB_DIR);

	if (name)
		return !strcmp(name, usiw_dev()->name);
	name = below(path, VERBS_DIR);
	return name && !strcmp(name, usiw_dev()->uverbs);
}

/* --- paths ------------------------------------------------------------------------- */

static bool may_be_ours(const char *path)
{
	return path && path[0] == '/' &&
	       (!strncmp(path, DEV_DIR, strlen(DEV_DIR)) ||
		!strncmp(path, "/sys/class/", strlen("/sys/class/")));
}

static int text_open(const char *text)
{
	size_t len = strlen(text);
	int fd = memfd_create("usiw-sysfs", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (libc()->write(fd, text, len) != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET)) {
		libc()->close(fd);
		return -EIO;
	}
	return fd;
}

/* A descriptor, a negative errno value, or -1 for a path that is not ours. */
int usiw_path_open(const char *path, int flags)
{
	const char *name;
	char *text;
	int fd;

	if (likely(!may_be_ours(path)))
		return -1;
	name = below(path, DEV_DIR);
	if (name && !strcmp(name, "rdma_cm"))
		return usiw_ucma_open(flags);
	if (name && !strcmp(name, usiw_dev()->uverbs))
		return usiw_uverbs_open(flags);
	text = name ? NULL : usiw_sysfs_text(path);
	if (!text)
		return -1;
	fd = (flags & O_ACCMODE) == O_RDONLY ? text_open(text) : -EACCES;
	free(text);
	return fd;
}

int usiw_path_stat(const char *path, struct stat *st)
{
	const char *name;
	char *text;

	if (likely(!may_be_ours(path)))
		return -1;
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	st->st_blksize = 4096;
	name = below(path, DEV_DIR);
	if (name && !strcmp(name, "rdma_cm")) {
		st->st_mode = S_IFCHR | 0666;
		st->st_rdev = usiw_dev()->ucma_dev;
		return 0;
	}
	if (name && !strcmp(name, usiw_dev()->uverbs)) {
		st->st_mode = S_IFCHR | 0666;
		st->st_rdev = usiw_dev()->uverbs_dev;
		return 0;
	}
	if (usiw_sysfs_dir(path)) {
		st->st_mode = S_IFDIR | 0755;
		return 0;
	}
	text = name ? NULL : usiw_sysfs_text(path);
	if (!text)
		return -1;
	st->st_mode = S_IFREG | 0444;
	st->st_size = 4096;
	free(text);
	return 0;
}
