// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The exchange of startup frames. RFC 5044 section 7.1, RFC 6581 section 9
 *
 * Nothing is read beyond a frame: what follows is for the data path. Under
 * usiw_lock().
 */
#include <errno.h>
#include <stdlib.h>

#include "priv.h"
#include "sys.h"

/* --- frames to send ---------------------------------------------------- */

static int send_frame(struct usiw_ep *ep)
{
	u8 buf[SIW_MPA_FRAME_MAX];
	u32 len = siw_mpa_build(buf, sizeof(buf), &ep->mpa->ours);

	return len ? usiw_ep_send(ep, buf, len) : -EINVAL;
}

/* The one FPDU of a connection that failed while it was set up. RFC 6581 §8 */
static int send_term(struct usiw_ep *ep)
{
	const struct siw_mpa_result *res = &ep->mpa->res;
	const struct siw_tx_params p = {
		.crc = res->crc,
		.markers = res->markers_tx,
	};
	u8 out[SIW_TX_TERM_MAX];
	struct siw_tx tx;
	u32 n;

	n = siw_tx_lone_term(&tx, &p, res->term ? res->term : SIW_E_MPA_LOCAL,
			     out);
	return usiw_ep_send(ep, out, n);
}

/**
 * usiw_ep_send_frame() - carry out an action that sends something
 * @ep: connected
 * @act: SIW_CM_SEND_*, one of them
 */
void usiw_ep_send_frame(struct usiw_ep *ep, u32 act)
{
	int rv;

	if (act == SIW_CM_SEND_REQ)
		siw_mpa_request(&ep->mpa->ours, &ep->mpa->local);
	rv = act == SIW_CM_SEND_TERM ? send_term(ep) : send_frame(ep);
	/* The actions that remain have to be carried out all the same. */
	if (rv)
		usiw_ep_notify(ep, USIW_EP_LOST);
}

/* --- frames that arrive ------------------------------------------------ */

/**
 * usiw_ep_mpa() - make room for the MPA exchange
 * @ep: end point
 *
 * Return: 0 or -ENOMEM.
 */
int usiw_ep_mpa(struct usiw_ep *ep)
{
	if (!ep->mpa)
		ep->mpa = calloc(1, sizeof(*ep->mpa));
	return ep->mpa ? 0 : -ENOMEM;
}

static u16 rd_of_ulp(u32 value)
{
	return (u16)(value < USIW_MAX_RDQ ? value : USIW_MAX_RDQ);
}

/**
 * usiw_ep_policy() - what this process and its program want
 * @l: result
 * @param: of the program, or NULL
 */
void usiw_ep_policy(struct siw_mpa_local *l,
		    const struct usiw_conn_param *param)
{
	l->rev = usiw_config.mpa_rev;
	l->crc_required = usiw_config.crc_required;
	l->markers_wanted = usiw_config.markers_wanted;
	l->rtr = usiw_config.rtr_mask;
	l->max_ird = USIW_MAX_RDQ;
	l->max_ord = USIW_MAX_RDQ;
	if (!param)
		return;
	l->ird = rd_of_ulp(param->ird);
	l->ord = rd_of_ulp(param->ord);
	l->pd = param->pdata;
	l->pd_len = (u16)param->pdata_len;
}

static void bad_frame(struct usiw_ep *ep, enum siw_mpa_why why)
{
	usiw_log(1, "MPA set-up failed: %s", siw_mpa_why_name(why));
	usiw_ep_step(ep, SIW_CM_EV_FRAME_BAD);
}

/* The peer's user gets to know, too: the reason is the private data. */
static void refuse_request(struct usiw_ep *ep, enum siw_mpa_why why)
{
	const char *text = siw_mpa_why_name(why);

	usiw_log(1, "MPA Request refused: %s", text);
	ep->mpa->local.pd = (const u8 *)text;
	ep->mpa->local.pd_len = (u16)strlen(text);
	siw_mpa_reject(&ep->mpa->ours, &ep->mpa->local, &ep->mpa->peer);
	usiw_ep_step(ep, SIW_CM_EV_FRAME_REFUSE);
}

/**
 * usiw_ep_refuse() - the program says no
 * @ep: in phase REQ_UPCALLED or REQ_LOST
 * @pdata: for the peer
 * @len: octets of it
 *
 * Not with RST, which would make the peer try again with revision 1 (D-04).
 * RFC 5044 §7.1.2 (6)
 */
void usiw_ep_refuse(struct usiw_ep *ep, const void *pdata, u32 len)
{
	struct siw_mpa_local *l = &ep->mpa->local;

	usiw_ep_policy(l, NULL);
	l->pd = pdata;
	l->pd_len = (u16)len;
	siw_mpa_reject(&ep->mpa->ours, l, &ep->mpa->peer);
	usiw_ep_step(ep, SIW_CM_EV_ULP_REJECT);
}

static void got_request(struct usiw_ep *ep, enum siw_mpa_why why)
{
	struct siw_mpa_local *l = &ep->mpa->local;

	usiw_ep_policy(l, NULL);
	if (!why)
		why = siw_mpa_tail(l, SIW_MPA_RESPONDER, usiw_ep_tail(ep));
	if (why) {
		bad_frame(ep, why);
		return;
	}
	why = siw_mpa_acceptable(l, &ep->mpa->peer);
	if (!why)
		usiw_ep_step(ep, SIW_CM_EV_FRAME_OK);
	else if (why == SIW_MPA_BAD_REV)
		bad_frame(ep, why);
	else
		refuse_request(ep, why);
}

static void got_reply(struct usiw_ep *ep, enum siw_mpa_why why)
{
	struct usiw_mpa *m = ep->mpa;

	if (!why)
		why = siw_mpa_tail(&m->local, SIW_MPA_INITIATOR,
				   usiw_ep_tail(ep));
	if (why) {
		bad_frame(ep, why);
		return;
	}
	siw_mpa_negotiate_done(&m->res, &m->local, &m->ours, &m->peer);
	switch (m->res.act) {
	case SIW_MPA_GO:
		usiw_ep_step(ep, SIW_CM_EV_FRAME_OK);
		return;
	case SIW_MPA_REFUSED:
		usiw_ep_step(ep, SIW_CM_EV_REPLY_REFUSED);
		return;
	case SIW_MPA_TERM:
		usiw_log(1, "MPA Reply not acceptable: %s",
			 siw_mpa_why_name(m->res.why));
		usiw_ep_step(ep, SIW_CM_EV_REPLY_TERM);
		return;
	default:
		bad_frame(ep, m->res.why);
	}
}

/* Read on in the frame, never beyond it. USIW_RX_MORE: it can be judged. */
static enum usiw_rx_end gather(struct usiw_ep *ep, enum siw_mpa_role self)
{
	struct usiw_mpa *m = ep->mpa;
	ssize_t n;
	u32 need;

	while ((need = siw_mpa_need(self, m->frame, m->frame_len))) {
		n = sys_recv(ep->fd, m->frame + m->frame_len, need,
			     MSG_DONTWAIT);
		if (!n)
			return USIW_RX_FIN;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return USIW_RX_WAIT;
		if (n < 0) {
			ep->err = -errno;
			return USIW_RX_LOST;
		}
		m->frame_len += (u32)n;
	}
	return USIW_RX_MORE;
}

/**
 * usiw_ep_read_frame() - read what there is of a startup frame
 * @ep: connected
 *
 * Return: whether the connection ended meanwhile.
 * RFC 5044 §7.1.1
 */
enum usiw_rx_end usiw_ep_read_frame(struct usiw_ep *ep)
{
	enum siw_mpa_role self = ep->passive ? SIW_MPA_RESPONDER :
					       SIW_MPA_INITIATOR;
	struct usiw_mpa *m = ep->mpa;
	enum usiw_rx_end end;
	enum siw_mpa_why why;

	if (!m || (ep->phase != SIW_CM_AWAIT_REQ &&
		   ep->phase != SIW_CM_AWAIT_REP))
		return USIW_RX_WAIT;
	end = gather(ep, self);
	if (end != USIW_RX_MORE)
		return end;
	why = siw_mpa_parse(&m->peer, self, m->frame, m->frame_len,
			    USIW_PD_ROOM);
	if (ep->passive)
		got_request(ep, why);
	else
		got_reply(ep, why);
	return USIW_RX_WAIT;
}
