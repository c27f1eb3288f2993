<?php
// SPDX-License-Identifier: ISC
echo "hello from ", getenv("APP_ENV"), "\n";
