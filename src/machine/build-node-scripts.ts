// What runs inside a node under construction. kind gives each node a volume for /var, and Docker copies into it what the
// image has there. So the bulk of what containerd holds stays in the image, once for all nodes, under /kind; the store
// that is copied only links to it.

/** containerd unpacks only on a real file system, which a container's own is not: it works on a volume. */
const store = '/build/containerd';

/** Starts containerd on what the base image holds already; the container outlives it. */
export const start = `
mkdir -p /var/lib/containerd
cp -a /var/lib/containerd ${store}
containerd --root ${store}
exec tail -f /dev/null
`;

const finish = `
rm -rf /var/lib/containerd
cp -a ${store} /var/lib/containerd
# A machine may not lower oom_score_adj; a published node image does not know.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
`;

/** Printed when images cannot be kept unpacked here, whatever their layers. */
export const unsuited = 'cannot be kept unpacked';

/**
 * Moves what was unpacked into the image. Refuses a layer that deletes files of another (Docker would take its marks for
 * its own), and a kernel that does not stack the overlays of pods on that of the node.
 */
export const keepUnpacked = `
set -eu
mkdir -p /kind/snapshots /build/try/upper /build/try/work /build/try/all
if ! mount -t overlay overlay -o lowerdir=/kind/snapshots,upperdir=/build/try/upper,workdir=/build/try/work /build/try/all
then echo "images ${unsuited}: overlays do not stack" >&2; exit 1; fi
umount /build/try/all
cd ${store}/io.containerd.snapshotter.v1.overlayfs/snapshots
if find . -type c -exec stat -c %t:%T {} + | grep -qx 0:0
then echo "images ${unsuited}: a layer deletes files" >&2; exit 1; fi
for each in *; do
  [ -d "$each/fs" ] && [ ! -L "$each/fs" ] || continue
  mkdir -p "/kind/snapshots/$each"
  mv "$each/fs" "/kind/snapshots/$each/fs"
  ln -s "/kind/snapshots/$each/fs" "$each/fs"
done
${finish}`;

/** Moves packed layers into the image; each node unpacks them when it first needs them. */
export const keepPacked = `
set -eu
mkdir -p /kind/blobs
cd ${store}/io.containerd.content.v1.content/blobs/sha256
find . -type f -size +64k | while read -r blob; do mv "$blob" /kind/blobs/ && ln -s "/kind/blobs/$blob" "$blob"; done
rm -rf ${store}/io.containerd.content.v1.content/ingest/*
${finish}`;
