// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connection management: what iw_cm calls, and the life of a CEP.
 * RFC 5044 section 7.1, RFC 6581
 *
 * References to a CEP: one for the connection, from siw_cep_new() to
 * siw_cep_end(); one while its work or its timer is pending; one for its entry
 * in the table of requests; one of the QP it is for.
 *
 * All works run one after the other, in the order of what caused them, since
 * programs with several QPs take for granted that requests are seen in the
 * order in which they were made. None of them waits for a peer.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/tcp.h>

#include "cm.h"

/* Requests that iw_cm was told of and has not answered. */
static DEFINE_XARRAY_ALLOC1(requests);
static u32 next_request;

/* -- life ------------------------------------------------------------------- */

static void cep_timeout(struct work_struct *work)
{
	struct siw_cep *cep = container_of(to_delayed_work(work),
					   struct siw_cep, timer);

	siw_cep_notify(cep, SIW_CE_TIMER);
	siw_cep_put(cep);
}

/**
 * siw_cep_new() - a CEP without socket, in phase IDLE
 * @sdev: device
 *
 * Context: process, sleeps.
 * Return: CEP with the connection's reference, or NULL.
 */
struct siw_cep *siw_cep_new(struct siw_device *sdev)
{
	struct siw_cep *cep = kzalloc(sizeof(*cep), GFP_KERNEL);

	if (!cep)
		return NULL;
	kref_init(&cep->ref);
	mutex_init(&cep->lock);
	cep->sdev = sdev;
	cep->phase = SIW_CM_IDLE;
	cep->born = jiffies;
	INIT_WORK(&cep->work, siw_cep_work);
	INIT_DELAYED_WORK(&cep->timer, cep_timeout);
	INIT_LIST_HEAD(&cep->kid_entry);
	siw_policy_get(sdev, &cep->policy);
	spin_lock_bh(&sdev->ceps_lock);
	cep->no = ++sdev->cep_no;
	list_add_tail(&cep->dev_entry, &sdev->ceps);
	spin_unlock_bh(&sdev->ceps_lock);
	atomic_inc(&sdev->cep_cnt);
	siw_count(sdev, SIW_CNT_CONNECT_TRIES);
	return cep;
}

/**
 * siw_cep_find() - walk through the CEPs of a device
 * @sdev: device
 * @no: lowest number that is wanted
 *
 * Context: process.
 * Return: the CEP with the next number, with a reference; NULL if there is none.
 */
struct siw_cep *siw_cep_find(struct siw_device *sdev, u64 no)
{
	struct siw_cep *cep, *found = NULL;

	spin_lock_bh(&sdev->ceps_lock);
	list_for_each_entry(cep, &sdev->ceps, dev_entry) {
		if (cep->no < no || !kref_get_unless_zero(&cep->ref))
			continue;
		found = cep;
		break;
	}
	spin_unlock_bh(&sdev->ceps_lock);
	return found;
}

/**
 * siw_cep_get() - take a reference
 * @cep: CEP, alive
 *
 * Context: any.
 */
void siw_cep_get(struct siw_cep *cep)
{
	kref_get(&cep->ref);
}

static void last_put(struct kref *ref)
{
	struct siw_cep *cep = container_of(ref, struct siw_cep, ref);
	struct siw_device *sdev = cep->sdev;

	kfree(cep);
	/* The one who waits for this frees the device behind the lock. */
	spin_lock_bh(&sdev->ceps_lock);
	if (atomic_dec_and_test(&sdev->cep_cnt))
		wake_up_all(&sdev->ceps_gone);
	spin_unlock_bh(&sdev->ceps_lock);
}

/**
 * siw_cep_put() - give a reference back
 * @cep: may be gone afterwards
 *
 * Context: any but hard interrupts.
 */
void siw_cep_put(struct siw_cep *cep)
{
	kref_put(&cep->ref, last_put);
}

/**
 * siw_cep_post() - have the CEP's work look at something
 * @cep: alive
 * @bit: SIW_CE_*
 *
 * Context: any.
 */
void siw_cep_post(struct siw_cep *cep, unsigned int bit)
{
	set_bit(bit, &cep->events);
	siw_cep_get(cep);
	if (!queue_work(siw_cm_wq, &cep->work))
		siw_cep_put(cep);
}

/**
 * siw_cep_notify() - tell a CEP what the data path or its socket has seen
 * @cep: alive
 * @ev: what
 *
 * Context: any.
 */
void siw_cep_notify(struct siw_cep *cep, enum siw_cep_ev ev)
{
	siw_cep_post(cep, ev);
}

/**
 * siw_cep_arm_ms() - start the timer, anew if it runs
 * @cep: CEP
 * @ms: until SIW_CE_TIMER
 *
 * Context: process. cep->lock.
 */
void siw_cep_arm_ms(struct siw_cep *cep, unsigned int ms)
{
	unsigned long delay = msecs_to_jiffies(ms);

	cep->timed = true;
	cep->knocking = false;
	if (cep->sock)
		cep->bytes = tcp_sk(cep->sock->sk)->bytes_received;
	cep->deadline = jiffies + delay;
	siw_cep_get(cep);
	if (mod_delayed_work(siw_cm_wq, &cep->timer, delay))
		siw_cep_put(cep);
}

/**
 * siw_cep_arm() - start the timer, anew if it runs
 * @cep: CEP
 * @seconds: until SIW_CE_TIMER
 *
 * Context: process. cep->lock.
 */
void siw_cep_arm(struct siw_cep *cep, unsigned int seconds)
{
	siw_cep_arm_ms(cep, seconds * MSEC_PER_SEC);
}

/**
 * siw_cep_disarm() - stop the timer
 * @cep: CEP
 *
 * Context: process. cep->lock.
 */
void siw_cep_disarm(struct siw_cep *cep)
{
	cep->timed = false;
	if (cancel_delayed_work(&cep->timer))
		siw_cep_put(cep);
}

/**
 * siw_cep_end() - the connection is over: release all it holds
 * @cep: in phase CLOSED; nothing but the caller's reference may be left
 *
 * Context: process, sleeps. cep->lock.
 */
void siw_cep_end(struct siw_cep *cep)
{
	struct siw_device *sdev = cep->sdev;

	siw_cep_disarm(cep);
	siw_port_forget(cep);
	siw_cep_close(cep, false);
	if (cep->id)
		cep->id->rem_ref(cep->id);
	cep->id = NULL;
	if (cep->listener)
		siw_listener_put(cep->listener);
	cep->listener = NULL;
	spin_lock_bh(&sdev->ceps_lock);
	list_del_init(&cep->dev_entry);
	spin_unlock_bh(&sdev->ceps_lock);
	siw_cep_put(cep);
}

/* -- requests that iw_cm has to answer ----------------------------------------- */

/**
 * siw_cep_publish() - give a CEP the number that iw_cm will call it by
 * @cep: passive; number in cep->handle
 *
 * Context: process. cep->lock.
 * Return: 0 or -errno.
 */
int siw_cep_publish(struct siw_cep *cep)
{
	int rv;

	siw_cep_get(cep);
	rv = xa_alloc_cyclic(&requests, &cep->handle, cep, xa_limit_32b,
			     &next_request, GFP_KERNEL);
	if (rv < 0)
		siw_cep_put(cep);
	return rv < 0 ? rv : 0;
}

/**
 * siw_cep_claim() - take over a CEP by number; only one caller gets it
 * @handle: number
 *
 * Context: process.
 * Return: CEP with a reference, or NULL.
 */
struct siw_cep *siw_cep_claim(u32 handle)
{
	return handle ? xa_erase(&requests, handle) : NULL;
}

/**
 * siw_cep_reclaim() - do not wait for iw_cm's answer any longer
 * @cep: maybe in the table
 *
 * Context: process. cep->lock.
 * Return: true if the answer had not come; it will find nothing now.
 */
bool siw_cep_reclaim(struct siw_cep *cep)
{
	if (!cep->handle || xa_load(&requests, cep->handle) != cep)
		return false;
	if (siw_cep_claim(cep->handle) != cep)
		return false;
	siw_cep_put(cep);
	return true;
}

static u32 handle_of(const struct iw_cm_id *id)
{
	return (u32)(uintptr_t)id->provider_data;
}

/* -- calls of iw_cm ------------------------------------------------------------ */

/* The ULP's numbers; those beyond the device's limits are negotiated down. */
static void set_local(struct siw_cep *cep, const struct iw_cm_conn_param *param)
{
	struct siw_mpa_local *l = &cep->local;

	l->rev = cep->policy.mpa_rev;
	l->crc_required = cep->policy.crc_required;
	l->crc_strict = cep->policy.crc_strict;
	l->markers_wanted = cep->policy.markers_wanted;
	l->rtr = cep->policy.rtr_mask;
	l->max_ird = SIW_MAX_RDQ;
	l->max_ord = SIW_MAX_RDQ;
	if (!param)
		return;
	l->ird = min_t(u32, param->ird, SIW_MAX_RDQ);
	l->ord = min_t(u32, param->ord, SIW_MAX_RDQ);
	l->pd = param->private_data;
	l->pd_len = param->private_data_len;
}

static int take_qp(struct siw_cep *cep, u32 qpn)
{
	struct siw_qp *qp = siw_qp_find(cep->sdev, qpn);
	int rv;

	if (!qp)
		return -EINVAL;
	rv = siw_qp_prepare(qp, cep, cep->local.ird, cep->local.ord);
	if (!rv)
		cep->qp = qp;
	siw_qp_put(qp);
	return rv;
}

static int prepare_request(struct siw_cep *cep,
			   const struct iw_cm_conn_param *param)
{
	if (param->private_data_len > siw_mpa_pd_max(cep->policy.mpa_rev > 1))
		return -EINVAL;
	set_local(cep, param);
	cep->local.p2p = cep->policy.peer_to_peer;
	memcpy(cep->pd, param->private_data, param->private_data_len);
	cep->local.pd = cep->pd;
	return take_qp(cep, param->qpn);
}

static int connect(struct iw_cm_id *id, struct iw_cm_conn_param *param)
{
	struct siw_cep *cep = siw_cep_new(to_siw_dev(id->device));
	int rv;

	if (!cep)
		return -ENOMEM;
	siw_cep_get(cep);
	mutex_lock(&cep->lock);
	id->add_ref(id);
	cep->id = id;
	rv = prepare_request(cep, param);
	if (!rv)
		rv = siw_cep_step(cep, SIW_CM_EV_CONNECT);
	if (rv)
		siw_cep_step(cep, SIW_CM_EV_DESTROY);
	mutex_unlock(&cep->lock);
	siw_cep_put(cep);
	return rv;
}

/**
 * siw_connect() - iw_cm: begin an active connection
 * @id: addresses; gets the events
 * @param: QP, IRD, ORD, private data
 *
 * A disk that comes back this way may be what memory is waiting for.
 *
 * Context: process, sleeps.
 * Return: 0: CONNECT_REPLY will follow; -errno: no event will.
 * RFC 5044 §7.1.2 (1)
 */
int siw_connect(struct iw_cm_id *id, struct iw_cm_conn_param *param)
{
	unsigned int flags = memalloc_noio_save();
	int rv = connect(id, param);

	memalloc_noio_restore(flags);
	return rv;
}

/* Octets behind the Request are found at the latest here. */
static void check_tail(struct siw_cep *cep)
{
	if (cep->phase == SIW_CM_REQ_UPCALLED && cep->sock &&
	    siw_mpa_tail(&cep->local, SIW_MPA_RESPONDER, siw_cep_tail(cep)))
		siw_cep_step(cep, SIW_CM_EV_FRAME_BAD);
}

static int accept_request(struct siw_cep *cep, struct iw_cm_id *id,
			  struct iw_cm_conn_param *param)
{
	int rv = -EINVAL;

	id->add_ref(id);
	cep->id = id;
	set_local(cep, param);
	if (param->private_data_len <= siw_mpa_pd_max(cep->peer.enhanced))
		rv = take_qp(cep, param->qpn);
	if (rv) {
		siw_cep_step(cep, SIW_CM_EV_LOCAL_FAIL);
		return rv;
	}
	check_tail(cep);
	siw_mpa_negotiate_reply(&cep->res, &cep->ours, &cep->local, &cep->peer);
	switch (cep->res.act) {
	case SIW_MPA_GO:
		return siw_cep_step(cep, cep->ours.p2p ? SIW_CM_EV_ACCEPT_P2P :
							 SIW_CM_EV_ACCEPT);
	case SIW_MPA_REJECT:
		return siw_cep_step(cep, SIW_CM_EV_FRAME_REFUSE);
	default:
		return siw_cep_step(cep, SIW_CM_EV_LOCAL_FAIL);
	}
}

/**
 * siw_accept() - iw_cm: accept a connection request
 * @id: of the request
 * @param: QP, IRD, ORD, private data
 *
 * Context: process, sleeps.
 * Return: 0: ESTABLISHED will follow, whatever happens; -errno: no event will,
 * and the connection is over.
 * RFC 5044 §7.1.2 (2), RFC 6581 §9
 */
int siw_accept(struct iw_cm_id *id, struct iw_cm_conn_param *param)
{
	struct siw_cep *cep = siw_cep_claim(handle_of(id));
	int rv;

	if (!cep)
		return -ECONNRESET;
	mutex_lock(&cep->lock);
	rv = accept_request(cep, id, param);
	cep->local.pd = NULL;
	cep->local.pd_len = 0;
	mutex_unlock(&cep->lock);
	siw_cep_put(cep);
	return rv;
}

/**
 * siw_reject() - iw_cm: refuse a connection request
 * @id: of the request
 * @pdata: private data for the peer
 * @len: octets of it
 *
 * Context: process, sleeps.
 * Return: 0 or -errno; the connection is over in any case.
 * RFC 5044 §7.1.2 (6)
 */
int siw_reject(struct iw_cm_id *id, const void *pdata, u8 len)
{
	struct siw_cep *cep = siw_cep_claim(handle_of(id));

	if (!cep)
		return -ECONNRESET;
	mutex_lock(&cep->lock);
	set_local(cep, NULL);
	cep->local.pd = pdata;
	cep->local.pd_len = len;
	siw_mpa_reject(&cep->ours, &cep->local, &cep->peer);
	siw_cep_step(cep, SIW_CM_EV_ULP_REJECT);
	cep->local.pd = NULL;
	cep->local.pd_len = 0;
	mutex_unlock(&cep->lock);
	siw_cep_put(cep);
	siw_count(to_siw_dev(id->device), SIW_CNT_REJECTS);
	return 0;
}

/* -- device removal ------------------------------------------------------------ */

static void tell_all(struct siw_device *sdev, unsigned int bit)
{
	struct siw_cep *cep;

	spin_lock_bh(&sdev->ceps_lock);
	list_for_each_entry(cep, &sdev->ceps, dev_entry)
		siw_cep_post(cep, bit);
	spin_unlock_bh(&sdev->ceps_lock);
}

/**
 * siw_cm_device_going() - end all connections of a device
 * @sdev: will go away; its clients are still there and get the events
 *
 * Context: process or softirq, does not wait.
 */
void siw_cm_device_going(struct siw_device *sdev)
{
	tell_all(sdev, SIW_CE_GOING);
}

/**
 * siw_cm_device_gone() - wait until no CEP of a device is left
 * @sdev: has no clients any more
 *
 * Context: process, sleeps.
 */
void siw_cm_device_gone(struct siw_device *sdev)
{
	siw_listen_device_gone(sdev);
	tell_all(sdev, SIW_CE_GONE);
	wait_event(sdev->ceps_gone, !atomic_read(&sdev->cep_cnt));
	/* behind the one who woke us up */
	spin_lock_bh(&sdev->ceps_lock);
	spin_unlock_bh(&sdev->ceps_lock);
}

/**
 * siw_cm_init() - at module load
 *
 * Context: process.
 * Return: 0.
 */
int siw_cm_init(void)
{
	return 0;
}

/**
 * siw_cm_exit() - at module unload; no device is left
 *
 * Context: process, sleeps.
 */
void siw_cm_exit(void)
{
	siw_listen_exit();
	xa_destroy(&requests);
}
