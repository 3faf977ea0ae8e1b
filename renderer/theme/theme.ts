/** How Mantine's components behave here: quiet, small, quick, and without style elements added at run time. */
import {
  Button,
  Checkbox,
  createTheme,
  Drawer,
  Input,
  Menu,
  Modal,
  NumberInput,
  PasswordInput,
  Radio,
  SegmentedControl,
  Select,
  Switch,
  Textarea,
  TextInput,
  Tooltip,
} from '@mantine/core'
import { s } from '../strings/strings.ts'

const CLOSE = { 'aria-label': s.common.close }
const POP = { transitionProps: { duration: 80 } }
/** What lies behind a dialog stays readable: people look there for what they are asked. */
const VEIL = { color: 'var(--veil)', backgroundOpacity: 1 }

export const theme = createTheme({
  primaryColor: 'blue',
  fontFamily: 'var(--font)',
  fontFamilyMonospace: 'var(--mono)',
  focusRing: 'auto',
  defaultRadius: 'sm',
  respectReducedMotion: true,
  cursorType: 'default',
  components: {
    Button: Button.extend({
      vars: (_, { size = 'sm' }) => (size === 'sm' ? { root: { '--button-height': '32px' } } : { root: {} }),
    }),
    Input: Input.extend({
      vars: (_, { size = 'sm' }) =>
        size === 'sm' ? { wrapper: { '--input-height': '32px' } } : { wrapper: {} },
    }),
    // `lockScroll` would add a <style>, which the page's policy refuses; the page itself never scrolls anyway.
    Modal: Modal.extend({
      defaultProps: {
        lockScroll: false,
        overlayProps: VEIL,
        centered: true,
        closeButtonProps: CLOSE,
        transitionProps: { duration: 100 },
      },
    }),
    Drawer: Drawer.extend({
      defaultProps: {
        lockScroll: false,
        overlayProps: VEIL,
        closeButtonProps: CLOSE,
        transitionProps: { duration: 120 },
      },
    }),
    Menu: Menu.extend({ defaultProps: POP }),
    Tooltip: Tooltip.extend({
      defaultProps: { openDelay: 400, transitionProps: { duration: 80 }, multiline: false, withArrow: false },
    }),
    TextInput: TextInput.extend({ defaultProps: { size: 'sm' } }),
    PasswordInput: PasswordInput.extend({ defaultProps: { size: 'sm' } }),
    NumberInput: NumberInput.extend({ defaultProps: { size: 'sm' } }),
    Textarea: Textarea.extend({ defaultProps: { size: 'sm' } }),
    Select: Select.extend({ defaultProps: { size: 'sm', comboboxProps: POP } }),
    Checkbox: Checkbox.extend({ defaultProps: { size: 'xs' } }),
    Radio: Radio.extend({ defaultProps: { size: 'xs' } }),
    Switch: Switch.extend({ defaultProps: { size: 'sm', withThumbIndicator: false } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: 'xs' } }),
  },
})
