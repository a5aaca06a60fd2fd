// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Settings of a device: attributes in /sys/class/infiniband/DEVICE/settings.
 *
 * What was written to an attribute holds for this device; what was not is as
 * the module parameters say, or their built-in default. A connection takes a
 * copy of all when it is set up, a listener when it is created; later changes
 * are for later connections. zcopy_tx is looked at all the time.
 *
 * A preset is a value for every attribute at once, for one kind of peer.
 *
 * sdev->policy_lock serialises; it nests in nothing and nothing nests in it.
 */
#include <linux/kstrtox.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "siw.h"

#define KEEPALIVE_MAX	32767	/* seconds, as TCP has it */
#define TIMEOUT_MAX	(3600 * 1000)
#define BACKLOG_MAX	65535
#define SEGMENTS_MAX	64

#define RTR_READ	SIW_MPA_RTR_READ
#define RTR_WRITE_READ	(SIW_MPA_RTR_WRITE | SIW_MPA_RTR_READ)

struct preset {
	const char *name;
	struct siw_policy policy;
};

/*
 * What is not named is 0. All hardware asks for CRCs, and an FPDU that does
 * not begin a TCP segment costs it dearly.
 */
static const struct preset presets[] = {
	{ "rfc", {
		.crc_required = 1, .tcp_nodelay = 1, .mpa_rev = 2,
		.peer_to_peer = 1, .rtr_mask = SIW_MPA_RTR_ALL,
		.fpdu_segments = 1, .keepalive = 60,
		.zcopy_tx = 1,
	} },
	/* software at the other end, TCP trusted; a peer may still ask */
	{ "fast", {
		.tcp_nodelay = 1, .mpa_rev = 2, .peer_to_peer = 1,
		.rtr_mask = SIW_MPA_RTR_ALL, .cut_through = 1,
		.fpdu_segments = SEGMENTS_MAX, .keepalive = 60,
		.zcopy_tx = 1,
	} },
	/* older than RFC 6581 */
	{ "chelsio-t4", {
		.crc_required = 1, .tcp_nodelay = 1, .mpa_rev = 1,
		.rtr_mask = RTR_READ, .fpdu_segments = 1, .keepalive = 60,
		.zcopy_tx = 1,
	} },
	/* offers one kind, and picks the wrong one of several */
	{ "chelsio", {
		.crc_required = 1, .tcp_nodelay = 1, .mpa_rev = 2,
		.peer_to_peer = 1, .rtr_mask = RTR_READ, .fpdu_segments = 1,
		.keepalive = 60,
		.zcopy_tx = 1,
	} },
	/* refuses revision 2 without peer-to-peer; does not know a Send */
	{ "intel", {
		.crc_required = 1, .tcp_nodelay = 1, .mpa_rev = 2,
		.peer_to_peer = 1, .rtr_mask = RTR_WRITE_READ,
		.fpdu_segments = 1, .keepalive = 60,
		.zcopy_tx = 1,
	} },
	/* some firmware has no room for more */
	{ "qlogic", {
		.crc_required = 1, .tcp_nodelay = 1, .mpa_rev = 2,
		.peer_to_peer = 1, .rtr_mask = SIW_MPA_RTR_ALL,
		.fpdu_max = 4120, .fpdu_segments = 1, .keepalive = 60,
		.zcopy_tx = 1,
	} },
	/* many connections at once; the client goes elsewhere when one dies */
	{ "windows-smbd", {
		.crc_required = 1, .tcp_nodelay = 1, .mpa_rev = 2,
		.peer_to_peer = 1, .rtr_mask = RTR_WRITE_READ,
		.fpdu_segments = 1, .keepalive = 20, .user_timeout = 30000,
		.listen_backlog = 128, .zcopy_tx = 1,
	} },
};

struct setting {
	struct device_attribute attr;
	u32 index;		/* of the u32 within struct siw_policy */
	u32 min, max;
};

#define SIW_SETTING(name, field, lo, hi)				\
	static struct setting setting_##name = {			\
		.attr = __ATTR(name, 0644, setting_show, setting_store), \
		.index = offsetof(struct siw_policy, field) / sizeof(u32), \
		.min = lo, .max = hi,					\
	}

static struct siw_device *device_of(struct device *dev)
{
	return rdma_device_to_drv_device(dev, struct siw_device, base);
}

static u32 *value(struct siw_policy *p, u32 index)
{
	return (u32 *)p + index;
}

/* --- one setting -------------------------------------------------------- */

static ssize_t setting_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct setting *s = container_of(attr, struct setting, attr);
	struct siw_policy p;

	siw_policy_get(device_of(dev), &p);
	return sysfs_emit(buf, "%u\n", *value(&p, s->index));
}

static ssize_t setting_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t len)
{
	struct setting *s = container_of(attr, struct setting, attr);
	struct siw_device *sdev = device_of(dev);
	bool own = !sysfs_streq(buf, "default");
	u32 v = 0;
	int rv;

	if (own) {
		rv = kstrtou32(buf, 0, &v);
		if (rv)
			return rv;
		if (v < s->min || v > s->max)
			return -ERANGE;
	}
	spin_lock(&sdev->policy_lock);
	*value(&sdev->policy, s->index) = v;
	__assign_bit(s->index, &sdev->policy_own, own);
	spin_unlock(&sdev->policy_lock);
	return len;
}

SIW_SETTING(crc_required, crc_required, 0, 1);
SIW_SETTING(crc_strict, crc_strict, 0, 1);
SIW_SETTING(markers_wanted, markers_wanted, 0, 1);
SIW_SETTING(tcp_nodelay, tcp_nodelay, 0, 1);
SIW_SETTING(mpa_rev, mpa_rev, 1, 2);
SIW_SETTING(peer_to_peer, peer_to_peer, 0, 1);
SIW_SETTING(rtr, rtr_mask, 1, SIW_MPA_RTR_ALL);
SIW_SETTING(cut_through, cut_through, 0, 1);
SIW_SETTING(fpdu_max, fpdu_max, 0, U16_MAX);
SIW_SETTING(fpdu_segments, fpdu_segments, 1, SEGMENTS_MAX);
SIW_SETTING(keepalive, keepalive, 0, KEEPALIVE_MAX);
SIW_SETTING(user_timeout, user_timeout, 0, TIMEOUT_MAX);
SIW_SETTING(listen_backlog, listen_backlog, 0, BACKLOG_MAX);
SIW_SETTING(zcopy_tx, zcopy_tx, 0, SIW_ZCOPY_NUM - 1);

/* --- presets ------------------------------------------------------------ */

static ssize_t preset_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct siw_device *sdev = device_of(dev);
	struct siw_policy p;
	int i;

	if (!READ_ONCE(sdev->policy_own))
		return sysfs_emit(buf, "default\n");
	siw_policy_get(sdev, &p);
	for (i = 0; i < ARRAY_SIZE(presets); i++)
		if (!memcmp(&p, &presets[i].policy, sizeof(p)))
			return sysfs_emit(buf, "%s\n", presets[i].name);
	return sysfs_emit(buf, "custom\n");
}

static void set_all(struct siw_device *sdev, const struct siw_policy *p)
{
	spin_lock(&sdev->policy_lock);
	if (p) {
		sdev->policy = *p;
		sdev->policy_own = GENMASK(SIW_POLICY_NUM - 1, 0);
	} else {
		sdev->policy_own = 0;
	}
	spin_unlock(&sdev->policy_lock);
}

static ssize_t preset_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t len)
{
	struct siw_device *sdev = device_of(dev);
	int i;

	if (sysfs_streq(buf, "default")) {
		set_all(sdev, NULL);
		return len;
	}
	for (i = 0; i < ARRAY_SIZE(presets); i++) {
		if (!sysfs_streq(buf, presets[i].name))
			continue;
		set_all(sdev, &presets[i].policy);
		return len;
	}
	return -EINVAL;
}

static DEVICE_ATTR_RW(preset);

/* --- the port mapper ---------------------------------------------------- */

/*
 * By default iw_cm tells the port mapper, iwpmd, that our ports are those of
 * the host, and gets no others for them. Not a part of the policy: iw_cm looks
 * here when an iw_cm_id is going to listen or to connect.
 */
static ssize_t port_mapper_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	u32 flags = READ_ONCE(device_of(dev)->base.iw_driver_flags);

	return sysfs_emit(buf, "%d\n", !(flags & IW_F_NO_PORT_MAP));
}

static ssize_t port_mapper_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t len)
{
	struct siw_device *sdev = device_of(dev);
	bool on;
	int rv = kstrtobool(buf, &on);

	if (rv)
		return rv;
	spin_lock(&sdev->policy_lock);
	if (on)
		sdev->base.iw_driver_flags &= ~IW_F_NO_PORT_MAP;
	else
		sdev->base.iw_driver_flags |= IW_F_NO_PORT_MAP;
	spin_unlock(&sdev->policy_lock);
	return len;
}

static DEVICE_ATTR_RW(port_mapper);

/* --- the group ---------------------------------------------------------- */

static struct attribute *attrs[] = {
	&setting_crc_required.attr.attr,
	&setting_crc_strict.attr.attr,
	&setting_markers_wanted.attr.attr,
	&setting_tcp_nodelay.attr.attr,
	&setting_mpa_rev.attr.attr,
	&setting_peer_to_peer.attr.attr,
	&setting_rtr.attr.attr,
	&setting_cut_through.attr.attr,
	&setting_fpdu_max.attr.attr,
	&setting_fpdu_segments.attr.attr,
	&setting_keepalive.attr.attr,
	&setting_user_timeout.attr.attr,
	&setting_listen_backlog.attr.attr,
	&setting_zcopy_tx.attr.attr,
	&dev_attr_preset.attr,
	&dev_attr_port_mapper.attr,
	NULL
};

const struct attribute_group siw_settings_group = {
	.name = "settings",
	.attrs = attrs,
};

/**
 * siw_policy_get() - the settings of a device as they are now
 * @sdev: device
 * @p: result
 *
 * Context: process.
 */
void siw_policy_get(struct siw_device *sdev, struct siw_policy *p)
{
	const u32 *own = (const u32 *)&sdev->policy;
	u32 *v = (u32 *)p;
	u32 i;

	siw_policy_defaults(p);
	spin_lock(&sdev->policy_lock);
	for_each_set_bit(i, &sdev->policy_own, SIW_POLICY_NUM)
		v[i] = own[i];
	spin_unlock(&sdev->policy_lock);
}

/**
 * siw_policy_zcopy() - whose payload is to be sent without a copy, now
 * @sdev: device
 *
 * Context: any.
 * Return: enum siw_zcopy.
 */
u32 siw_policy_zcopy(struct siw_device *sdev)
{
	if (test_bit(offsetof(struct siw_policy, zcopy_tx) / sizeof(u32),
		     &sdev->policy_own))
		return READ_ONCE(sdev->policy.zcopy_tx);
	return siw_default_zcopy();
}
