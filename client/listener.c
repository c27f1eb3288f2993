/* SPDX-License-Identifier: ISC */
#include "client/listener.h"
