// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * MPA startup frames: octets to host terms and back, with every check that
 * the frame by itself allows. RFC 5044 section 7.1.1, RFC 6581 sections 6 and
 * 9. What two frames mean together is in mpaneg.c.
 *
 * The numbers D-nn name decisions where the RFCs are silent or disagree.
 */
#include "mpa.h"

#include "wire.h"

_Static_assert(SIW_MPA_HDR_LEN == sizeof(struct mpa_frame), "fixed part");
_Static_assert(SIW_MPA_EXT_LEN == sizeof(struct mpa_enhanced), "block");
_Static_assert(SIW_MPA_PD_MAX == MPA_MAX_PD, "private data");
_Static_assert(SIW_MPA_RD_NONE == MPA_ENH_VALUE, "14 bits");

static const char req_key[] = MPA_KEY_REQ;
static const char rep_key[] = MPA_KEY_REP;

/* -- frames ------------------------------------------------------------- */

/* Certain as soon as one octet differs: no need to wait for all sixteen. */
static enum siw_mpa_why check_key(enum siw_mpa_role self, const u8 *got, u32 n)
{
	const char *want = self == SIW_MPA_INITIATOR ? rep_key : req_key;
	const char *ours = self == SIW_MPA_INITIATOR ? req_key : rep_key;
	u32 len = n < MPA_KEY_LEN ? n : MPA_KEY_LEN;

	if (!len || !memcmp(got, want, len))
		return SIW_MPA_OK;
	return memcmp(got, ours, len) ? SIW_MPA_BAD_KEY : SIW_MPA_ROLE_CLASH;
}

/* Everything that the fixed part by itself can be guilty of. */
static enum siw_mpa_why check_fixed(const struct mpa_frame *fix)
{
	u16 pd_len = be16_to_cpu(fix->pd_len);

	if (fix->rev != MPA_REV_1 && fix->rev != MPA_REV_2)
		return SIW_MPA_BAD_REV;
	if (pd_len > MPA_MAX_PD)
		return SIW_MPA_BAD_PD_LEN;
	/* D-12: S counts from revision 2 on, and needs room for the block. */
	if (fix->rev >= MPA_REV_2 && (fix->flags & MPA_F_ENHANCED) &&
	    pd_len < SIW_MPA_EXT_LEN)
		return SIW_MPA_BAD_BLOCK;
	return SIW_MPA_OK;
}

u32 siw_mpa_need(enum siw_mpa_role self, const u8 *got, u32 n)
{
	struct mpa_frame fix;
	u32 len;

	if (check_key(self, got, n) != SIW_MPA_OK)
		return 0;
	if (n < sizeof(fix))
		return (u32)sizeof(fix) - n;
	memcpy(&fix, got, sizeof(fix));
	if (check_fixed(&fix) != SIW_MPA_OK)
		return 0;
	len = (u32)sizeof(fix) + be16_to_cpu(fix.pd_len);
	return n < len ? len - n : 0;
}

static void parse_block(struct siw_mpa_frame *f)
{
	struct mpa_enhanced blk;
	u16 ird, ord;

	memcpy(&blk, f->pd, sizeof(blk));
	ird = be16_to_cpu(blk.ird);
	ord = be16_to_cpu(blk.ord);
	f->ird = ird & MPA_ENH_VALUE;
	f->ord = ord & MPA_ENH_VALUE;
	f->p2p = ird & MPA_ENH_P2P;
	/* B, C and D mean nothing in the client-server model. */
	if (f->p2p && (ird & MPA_ENH_RTR_SEND))
		f->rtr |= SIW_MPA_RTR_SEND;
	if (f->p2p && (ord & MPA_ENH_RTR_WRITE))
		f->rtr |= SIW_MPA_RTR_WRITE;
	if (f->p2p && (ord & MPA_ENH_RTR_READ))
		f->rtr |= SIW_MPA_RTR_READ;
	f->pd += sizeof(blk);
	f->pd_len = (u16)(f->pd_len - sizeof(blk));
}

enum siw_mpa_why siw_mpa_parse(struct siw_mpa_frame *f, enum siw_mpa_role self,
			       const u8 *buf, u32 n, u32 pd_room)
{
	struct mpa_frame fix;
	enum siw_mpa_why why;

	memset(f, 0, sizeof(*f));
	why = check_key(self, buf, n);
	if (why != SIW_MPA_OK)
		return why;
	if (n < sizeof(fix))
		return SIW_MPA_TRUNCATED;
	memcpy(&fix, buf, sizeof(fix));
	why = check_fixed(&fix);
	if (why != SIW_MPA_OK)
		return why;
	f->reply = self == SIW_MPA_INITIATOR;
	f->rev = fix.rev;
	f->markers = fix.flags & MPA_F_MARKERS;
	f->crc = fix.flags & MPA_F_CRC;
	/* R of a Request is not checked: RFC 5044 §7.1.1 */
	f->reject = f->reply && (fix.flags & MPA_F_REJECT);
	f->enhanced = f->rev >= MPA_REV_2 && (fix.flags & MPA_F_ENHANCED);
	f->pd_len = be16_to_cpu(fix.pd_len);
	if (n - sizeof(fix) < f->pd_len)
		return SIW_MPA_TRUNCATED;
	f->pd = buf + sizeof(fix);
	if (f->enhanced)
		parse_block(f);
	return f->pd_len > pd_room ? SIW_MPA_PD_ROOM : SIW_MPA_OK;
}

enum siw_mpa_why siw_mpa_tail(const struct siw_mpa_local *l,
			      enum siw_mpa_role self, u32 n)
{
	bool wrong = self == SIW_MPA_INITIATOR ? l->early_reply_tail :
						 !l->early_request_tail;

	return n && wrong ? SIW_MPA_TRAILING : SIW_MPA_OK;
}

u32 siw_mpa_pd_max(bool enhanced)
{
	return enhanced ? SIW_MPA_PD_MAX - SIW_MPA_EXT_LEN : SIW_MPA_PD_MAX;
}

static void build_block(u8 *buf, const struct siw_mpa_frame *f)
{
	unsigned int ird = f->ird & MPA_ENH_VALUE;
	unsigned int ord = f->ord & MPA_ENH_VALUE;
	struct mpa_enhanced blk;

	if (f->p2p) {
		ird |= MPA_ENH_P2P;
		if (f->rtr & SIW_MPA_RTR_SEND)
			ird |= MPA_ENH_RTR_SEND;
		if (f->rtr & SIW_MPA_RTR_WRITE)
			ord |= MPA_ENH_RTR_WRITE;
		if (f->rtr & SIW_MPA_RTR_READ)
			ord |= MPA_ENH_RTR_READ;
	}
	blk.ird = cpu_to_be16((u16)ird);
	blk.ord = cpu_to_be16((u16)ord);
	memcpy(buf, &blk, sizeof(blk));
}

u32 siw_mpa_build(u8 *buf, u32 size, const struct siw_mpa_frame *f)
{
	u32 ext = f->enhanced ? SIW_MPA_EXT_LEN : 0;
	u32 len = SIW_MPA_HDR_LEN + ext + f->pd_len;
	struct mpa_frame fix;

	if (f->pd_len > siw_mpa_pd_max(f->enhanced) || len > size)
		return 0;
	memcpy(fix.key, f->reply ? rep_key : req_key, MPA_KEY_LEN);
	fix.flags = (u8)((f->markers ? MPA_F_MARKERS : 0) |
			 (f->crc ? MPA_F_CRC : 0) |
			 (f->reply && f->reject ? MPA_F_REJECT : 0) |
			 (f->enhanced ? MPA_F_ENHANCED : 0));
	fix.rev = f->rev;
	fix.pd_len = cpu_to_be16((u16)(ext + f->pd_len));
	memcpy(buf, &fix, sizeof(fix));
	if (f->enhanced)
		build_block(buf + sizeof(fix), f);
	if (f->pd_len)
		memcpy(buf + sizeof(fix) + ext, f->pd, f->pd_len);
	return len;
}

/* -- reasons ------------------------------------------------------------ */

static const struct {
	const char *name;
	enum siw_err err;
} why_table[SIW_MPA_WHY_CNT] = {
	[SIW_MPA_OK] = { "fine", SIW_OK },
	[SIW_MPA_BAD_KEY] = { "not an MPA frame", SIW_E_MPA_FRAME },
	[SIW_MPA_ROLE_CLASH] = { "both ends play the same role",
				 SIW_E_MPA_ROLE },
	[SIW_MPA_BAD_REV] = { "MPA revision not supported", SIW_E_MPA_REV },
	[SIW_MPA_BAD_PD_LEN] = { "private data longer than 512 octets",
				 SIW_E_MPA_PD_LEN },
	[SIW_MPA_BAD_BLOCK] = { "no room for the enhanced block",
				SIW_E_MPA_PD_LEN },
	[SIW_MPA_PD_ROOM] = { "more private data than can be passed on",
			      SIW_E_MPA_PD_LEN },
	[SIW_MPA_TRUNCATED] = { "stream ended inside the frame",
				SIW_E_MPA_TRUNCATED },
	[SIW_MPA_TRAILING] = { "octets behind the frame", SIW_E_MPA_EXCESS },
	[SIW_MPA_NOT_ENHANCED] = { "plain Reply to an enhanced Request",
				   SIW_E_MPA_FRAME },
	[SIW_MPA_NOT_ASKED] = { "enhanced Reply to a plain Request",
				SIW_E_MPA_FRAME },
	[SIW_MPA_REJECTED] = { "rejected by the peer", SIW_E_MPA_REJECTED },
	[SIW_MPA_ULP_REJECT] = { "rejected", SIW_OK },
	[SIW_MPA_CRC_REFUSED] = { "peer wants CRC, mpa_crc_strict forbids it",
				  SIW_E_MPA_LOCAL },
	[SIW_MPA_ORD_SHORT] = { "peer's IRD is below the ORD needed",
				SIW_E_MPA_IRD },
	[SIW_MPA_IRD_SHORT] = { "IRD cannot grow to the peer's ORD",
				SIW_E_MPA_IRD },
	[SIW_MPA_NO_RTR] = { "no common ready-to-receive indication",
			     SIW_E_MPA_RTR },
};

const char *siw_mpa_why_name(enum siw_mpa_why why)
{
	return (u32)why < SIW_MPA_WHY_CNT ? why_table[why].name : "unknown";
}

enum siw_err siw_mpa_why_err(enum siw_mpa_why why)
{
	return (u32)why < SIW_MPA_WHY_CNT ? why_table[why].err :
					    SIW_E_MPA_FRAME;
}
