export default function Soon(_: object) { return null }
