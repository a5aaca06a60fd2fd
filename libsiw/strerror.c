// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The words for vendor_err. The reasons are those of the protocol core, whose
 * table is linked in: the same words that usiw and siw.ko log.
 */
#include <rdma/siw-abi.h>

#include "../core/err.h"
#include "siwdv.h"

/* New ones have to go to the end: drivers and libraries are of different age. */
_Static_assert(SIW_E_ROP_UNSPEC == 14 && SIW_E_TERM_UNKNOWN == 66,
	       "a number that programs were told has changed");

static const char *const statuses[] = {
	[SIW_WC_SUCCESS] = "success",
	[SIW_WC_LOC_LEN_ERR] = "message longer than the local buffer",
	[SIW_WC_LOC_PROT_ERR] = "local memory cannot be used",
	[SIW_WC_LOC_QP_OP_ERR] = "request that the queue pair cannot do",
	[SIW_WC_WR_FLUSH_ERR] = "flushed",
	[SIW_WC_BAD_RESP_ERR] = "bad response",
	[SIW_WC_LOC_ACCESS_ERR] = "local access right missing",
	[SIW_WC_REM_ACCESS_ERR] = "remote access refused",
	[SIW_WC_REM_INV_REQ_ERR] = "invalid request to the peer",
	[SIW_WC_GENERAL_ERR] = "general error",
};

__attribute__((visibility("default")))
const char *siw_strerror(uint32_t vendor_err)
{
	if (vendor_err >= SIW_VENDOR_REASON)
		return siw_err_name(vendor_err - SIW_VENDOR_REASON);
	return vendor_err < SIW_NUM_WC_STATUS ? statuses[vendor_err] :
						"unknown";
}
