<?php
// SPDX-License-Identifier: ISC
echo "hello from ", getenv("APP_ENV"), " by ", getenv("PS"), "\n";
