/* SPDX-License-Identifier: ISC */
#include "client/answers.h"
