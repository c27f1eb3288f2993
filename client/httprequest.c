/* SPDX-License-Identifier: ISC */
/* Owns the form of a request. */
#include "client/httprequest.h"

enum httprequest_verdict httprequest_parse(struct httprequest *request, const char *bytes,
					   size_t len, int *status)
{
	(void)request;
	(void)bytes;
	*status = 400;
	return len < HTTPREQUEST_MAX ? HTTPREQUEST_MORE : HTTPREQUEST_BAD;
}
