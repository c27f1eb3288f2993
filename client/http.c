/* SPDX-License-Identifier: ISC */
#include "client/http.h"
