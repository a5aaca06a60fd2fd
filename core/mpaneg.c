// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * MPA parameter negotiation, both roles. RFC 5044 section 7.1.2, RFC 6581
 * sections 9 and 10. The contracts are in mpa.h, the frames in mpa.c.
 *
 * The numbers D-nn name decisions where the RFCs are silent or disagree.
 */
#include "mpa.h"

#include "wire.h"

static u16 min_u16(u16 a, u16 b)
{
	return a < b ? a : b;
}

static u16 max_u16(u16 a, u16 b)
{
	return a > b ? a : b;
}

static u8 rtr_mask(const struct siw_mpa_local *l)
{
	return l->rtr ? l->rtr : SIW_MPA_RTR_ALL;
}

/* D-14: Read is what all hardware can do; Send costs the peer an MSN. */
static u8 rtr_pick(u8 mask)
{
	if (mask & SIW_MPA_RTR_READ)
		return SIW_MPA_RTR_READ;
	if (mask & SIW_MPA_RTR_WRITE)
		return SIW_MPA_RTR_WRITE;
	return mask & SIW_MPA_RTR_SEND;
}

/* An IRD or ORD of the ULP: within the device, and never the magic value. */
static u16 rd_cap(u16 wish, u16 max)
{
	max = min_u16(max, SIW_MPA_RD_MAX);
	return wish == SIW_MPA_RD_NONE ? max : min_u16(wish, max);
}

/* A peer may use a Read as its RTR, even on a plain connection. */
static u16 ird_local(const struct siw_mpa_local *l)
{
	return max_u16(rd_cap(l->ird, l->max_ird), 1);
}

static u16 ord_local(const struct siw_mpa_local *l)
{
	return rd_cap(l->ord, l->max_ord);
}

void siw_mpa_request(struct siw_mpa_frame *f, const struct siw_mpa_local *l)
{
	memset(f, 0, sizeof(*f));
	f->rev = l->rev >= MPA_REV_2 ? MPA_REV_2 : MPA_REV_1;
	f->markers = l->markers_wanted;
	f->crc = l->crc_required;
	f->pd_len = l->pd_len;
	f->pd = l->pd;
	/* Revision 2 without the block confuses hardware: always both. */
	if (f->rev < MPA_REV_2)
		return;
	f->enhanced = true;
	f->p2p = l->p2p;
	f->rtr = l->p2p ? rtr_mask(l) : 0;
	f->ird = l->ird == SIW_MPA_RD_NONE ? SIW_MPA_RD_NONE : ird_local(l);
	f->ord = l->ord == SIW_MPA_RD_NONE ? SIW_MPA_RD_NONE : ord_local(l);
	/* The responder must hold our RTR if it is a Read. */
	if (f->rtr & SIW_MPA_RTR_READ)
		f->ord = max_u16(f->ord, 1);
}

/* What both roles fill in before anything is negotiated. */
static void start_result(struct siw_mpa_result *res,
			 const struct siw_mpa_local *l,
			 const struct siw_mpa_frame *peer)
{
	memset(res, 0, sizeof(*res));
	res->rev = peer->rev;
	res->enhanced = peer->enhanced;
	res->peer_ird = peer->enhanced ? peer->ird : SIW_MPA_RD_NONE;
	res->peer_ord = peer->enhanced ? peer->ord : SIW_MPA_RD_NONE;
	res->ird = ird_local(l);
	res->ord = ord_local(l);
	res->pd = peer->pd;
	res->pd_len = peer->pd_len;
}

static void set_act(struct siw_mpa_result *res, enum siw_mpa_act act,
		    enum siw_mpa_why why)
{
	res->act = act;
	res->why = why;
	res->term = siw_mpa_why_err(why);
}

static bool crc_refused(const struct siw_mpa_local *l, bool peer_wants)
{
	return peer_wants && l->crc_strict && !l->crc_required;
}

enum siw_mpa_why siw_mpa_acceptable(const struct siw_mpa_local *l,
				    const struct siw_mpa_frame *req)
{
	/* To a device of revision 1 an enhanced Request is malformed. */
	if (req->rev > l->rev)
		return SIW_MPA_BAD_REV;
	if (crc_refused(l, req->crc))
		return SIW_MPA_CRC_REFUSED;
	return SIW_MPA_OK;
}

/* The parts of a Reply that do not depend on the verdict. */
static void start_reply(struct siw_mpa_frame *reply,
			const struct siw_mpa_local *l,
			const struct siw_mpa_frame *req)
{
	memset(reply, 0, sizeof(*reply));
	reply->reply = true;
	reply->rev = req->rev;
	reply->enhanced = req->enhanced;
	reply->p2p = req->p2p;
	reply->markers = l->markers_wanted;
	/* D-05: the result, not the wish, for peers that look at no more. */
	reply->crc = req->crc || l->crc_required;
	reply->pd_len = l->pd_len;
	reply->pd = l->pd;
}

/* RFC 6581 §9.2: exactly one type if there is a common one (D-14). */
static u8 reply_rtr(const struct siw_mpa_local *l,
		    const struct siw_mpa_frame *req, struct siw_mpa_result *res)
{
	if (!req->p2p)
		return 0;
	res->rtr = rtr_pick(req->rtr & rtr_mask(l));
	return res->rtr ? res->rtr : rtr_mask(l);
}

/* RFC 6581 §9.1, responder. False: the initiator's IRD will not do. */
static bool reply_reads(const struct siw_mpa_local *l,
			const struct siw_mpa_frame *req,
			struct siw_mpa_frame *reply, struct siw_mpa_result *res)
{
	reply->ird = SIW_MPA_RD_NONE;
	reply->ord = SIW_MPA_RD_NONE;
	if (req->ord != SIW_MPA_RD_NONE) {
		/* As many as the peer wants to issue, if we can. */
		res->ird = max_u16(res->ird, rd_cap(req->ord, l->max_ird));
		reply->ird = res->ird;
	}
	if (req->ird == SIW_MPA_RD_NONE)
		return true;
	if (l->ord_demanded && req->ird < res->ord) {
		reply->ord = res->ord;
		return false;
	}
	res->ord = min_u16(res->ord, req->ird);
	reply->ord = res->ord;
	return true;
}

void siw_mpa_negotiate_reply(struct siw_mpa_result *res,
			     struct siw_mpa_frame *reply,
			     const struct siw_mpa_local *l,
			     const struct siw_mpa_frame *req)
{
	enum siw_mpa_why why = siw_mpa_acceptable(l, req);

	start_result(res, l, req);
	start_reply(reply, l, req);
	res->crc = reply->crc;
	res->markers_tx = req->markers;
	res->markers_rx = reply->markers;
	if (why == SIW_MPA_BAD_REV) {
		set_act(res, SIW_MPA_CLOSE, why);
		return;
	}
	if (req->enhanced) {
		reply->rtr = reply_rtr(l, req, res);
		if (!reply_reads(l, req, reply, res) && why == SIW_MPA_OK)
			why = SIW_MPA_ORD_SHORT;
	}
	reply->reject = why != SIW_MPA_OK;
	set_act(res, reply->reject ? SIW_MPA_REJECT : SIW_MPA_GO, why);
}

void siw_mpa_reject(struct siw_mpa_frame *reply, const struct siw_mpa_local *l,
		    const struct siw_mpa_frame *req)
{
	struct siw_mpa_result res;

	start_result(&res, l, req);
	start_reply(reply, l, req);
	if (req->enhanced) {
		reply->rtr = reply_rtr(l, req, &res);
		reply_reads(l, req, reply, &res);
	}
	reply->reject = true;
}

/* May the connection go on although the Reply has no block? (D-03) */
static bool plain_will_do(const struct siw_mpa_local *l)
{
	return (!l->p2p || l->p2p_optional) && !l->rd_demanded;
}

static enum siw_mpa_why check_reply(const struct siw_mpa_local *l,
				    const struct siw_mpa_frame *req,
				    const struct siw_mpa_frame *reply)
{
	if (reply->rev > req->rev)
		return SIW_MPA_BAD_REV;
	/* Hardware leaves M and C of a rejection at anything. */
	if (reply->reject)
		return SIW_MPA_OK;
	if (reply->enhanced && !req->enhanced)
		return SIW_MPA_NOT_ASKED;
	if (req->enhanced && !reply->enhanced && !plain_will_do(l))
		return SIW_MPA_NOT_ENHANCED;
	return SIW_MPA_OK;
}

/* RFC 6581 §9.1, initiator. False: our IRD cannot grow that far. */
static bool done_reads(const struct siw_mpa_local *l,
		       const struct siw_mpa_frame *reply,
		       struct siw_mpa_result *res)
{
	if (reply->ird != SIW_MPA_RD_NONE)
		res->ord = min_u16(res->ord, reply->ird);
	if (reply->ord == SIW_MPA_RD_NONE)
		return true;
	res->ird = max_u16(res->ird, reply->ord);
	return reply->ord <= l->max_ird;
}

/* RFC 6581 §9.2, initiator: one of those that both ends named. */
static bool done_rtr(const struct siw_mpa_local *l,
		     const struct siw_mpa_frame *req,
		     const struct siw_mpa_frame *reply,
		     struct siw_mpa_result *res)
{
	if (!req->p2p)
		return true;
	if (!reply->p2p)
		return l->p2p_optional;	/* D-15 */
	res->rtr = rtr_pick(req->rtr & reply->rtr);
	return res->rtr;
}

void siw_mpa_negotiate_done(struct siw_mpa_result *res,
			    const struct siw_mpa_local *l,
			    const struct siw_mpa_frame *req,
			    const struct siw_mpa_frame *reply)
{
	enum siw_mpa_why why = check_reply(l, req, reply);

	start_result(res, l, reply);
	res->crc = req->crc || reply->crc;
	res->markers_tx = reply->markers;
	res->markers_rx = req->markers;
	if (why != SIW_MPA_OK)
		set_act(res, SIW_MPA_CLOSE, why);
	else if (reply->reject)
		set_act(res, SIW_MPA_REFUSED, SIW_MPA_REJECTED);
	else if (crc_refused(l, reply->crc))
		set_act(res, SIW_MPA_TERM, SIW_MPA_CRC_REFUSED);
	else if (!reply->enhanced)
		set_act(res, SIW_MPA_GO, SIW_MPA_OK);
	else if (!done_reads(l, reply, res))
		set_act(res, SIW_MPA_TERM, SIW_MPA_IRD_SHORT);
	else if (!done_rtr(l, req, reply, res))
		set_act(res, SIW_MPA_TERM, SIW_MPA_NO_RTR);
	else
		set_act(res, SIW_MPA_GO, SIW_MPA_OK);
}
