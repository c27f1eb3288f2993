#!/bin/sh
# SPDX-License-Identifier: ISC
# What a script puts here the later scripts and the services have in their environment.
echo "stage ${STAGE:-1}" >/etc/container_environment/APP_ENV
