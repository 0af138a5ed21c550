#!/bin/sh
# Makes the program that holds a pod's namespaces, from the C file that the Kubernetes module carries.
# $1: folder with the outputs of the parts this is made from; $2: folder to write to.
set -eu
gcc -Os -Wall -static -s -DVERSION=v"$PART_VERSION" -o "$2/pause" "$1/kubernetes/pause.c"
