/** The kernel, as far as Hearth calls it by itself. The only FFI of the project is behind this. */
export { CgroupTree, readCgroupLayout } from './cgroup-tree.ts';
export type { Cgroup } from './cgroup.ts';
export { hideUnifiedHierarchy } from './hybrid.ts';
export { mountIdmapped } from './idmapped-mounts.ts';
export { attachLoop, detachLoop, detachLoopsUnder, loopDevices } from './loop-devices.ts';
export { bindMount, mount, mountOverlayReadOnly, mountShared, unmount } from './mounts.ts';
export { receivedBytes } from './link-counters.ts';
export { NetworkNamespaces } from './network-namespaces.ts';
export { CgroupWatch } from './process-watch.ts';
export { ScratchVolume } from './scratch-volume.ts';
export { hardLimit } from './resource-limits.ts';
export { openUserNamespace } from './user-namespace.ts';
export type { NetlinkSocket } from './netlink.ts';
export {
  changeElements,
  hasElement,
  takeElements,
  type ElementChange,
  type SetElement,
} from './nft-elements.ts';
export { endConnections } from './tcp-connections.ts';
export { isOpaque, makeOpaque, makeWhiteout } from './overlay-marks.ts';
