//! Draws the window as eframe does, by OpenGL, into memory: no screen is needed, and no graphics card.

use std::{num::NonZeroU32, sync::Arc};

use eframe::{
    egui_glow::Painter,
    glow::{self, HasContext},
};
use egui_kittest::TestRenderer;
use glutin::{
    api::egl::{
        config::Config, context::PossiblyCurrentContext, device::Device, display::Display, surface::Surface,
    },
    config::{ConfigSurfaceTypes, ConfigTemplateBuilder},
    context::ContextAttributesBuilder,
    prelude::*,
    surface::{PbufferSurface, SurfaceAttributesBuilder},
};

/// Larger than any picture that is drawn.
const SIDE: u32 = 2560;

pub struct GlRenderer {
    painter: Painter,
    gl: Arc<glow::Context>,
    _context: PossiblyCurrentContext,
    _surface: Surface<PbufferSurface>,
}

impl GlRenderer {
    pub fn new() -> Self {
        // SAFETY: a display of the device alone, without a window system that could go away.
        let display = Device::query_devices()
            .expect("EGL, which setup.sh installs")
            .find_map(|device| unsafe { Display::with_device(&device, None) }.ok())
            .expect("a device that EGL can draw with");
        let wanted = ConfigTemplateBuilder::new()
            .with_surface_type(ConfigSurfaceTypes::PBUFFER)
            .with_alpha_size(8)
            .build();
        // SAFETY: the display lives until the end of this function at least, and what is made of it keeps it.
        let config: Config = unsafe { display.find_configs(wanted) }.unwrap().next().unwrap();
        let side = NonZeroU32::new(SIDE).unwrap();
        let attributes = SurfaceAttributesBuilder::<PbufferSurface>::new().build(side, side);
        // SAFETY: as above.
        let (surface, context) = unsafe {
            let surface = display.create_pbuffer_surface(&config, &attributes).unwrap();
            let context = display
                .create_context(&config, &ContextAttributesBuilder::new().build(None))
                .unwrap();
            (surface, context)
        };
        let context = context.make_current(&surface).unwrap();
        let address = |name: &std::ffi::CStr| display.get_proc_address(name);
        // SAFETY: the context was made current just above, in this thread.
        let gl = Arc::new(unsafe { glow::Context::from_loader_function_cstr(address) });
        Self {
            painter: Painter::new(gl.clone(), "", None, false).unwrap(),
            gl,
            _context: context,
            _surface: surface,
        }
    }
}

impl TestRenderer for GlRenderer {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        for (id, deltas) in std::mem::take(&mut delta.set) {
            for delta in &deltas {
                self.painter.set_texture(id, delta);
            }
        }
        for id in std::mem::take(&mut delta.free) {
            self.painter.free_texture(id);
        }
    }

    fn render(&mut self, ctx: &egui::Context, output: &egui::FullOutput) -> Result<image::RgbaImage, String> {
        let scale = output.pixels_per_point;
        let size = ctx.content_rect().size() * scale;
        let (width, height) = (size.x.round() as u32, size.y.round() as u32);
        let primitives = ctx.tessellate(output.shapes.clone(), scale);
        self.painter.clear([width, height], [0.0, 0.0, 0.0, 1.0]);
        self.painter.paint_primitives([width, height], scale, &primitives);
        let mut pixels = vec![0; (4 * width * height) as usize];
        // SAFETY: there is room for all of the pixels that are read.
        unsafe {
            let into = glow::PixelPackData::Slice(Some(&mut pixels));
            let (width, height) = (width as i32, height as i32);
            self.gl
                .read_pixels(0, 0, width, height, glow::RGBA, glow::UNSIGNED_BYTE, into);
        }
        let mut picture = image::RgbaImage::from_raw(width, height, pixels).unwrap();
        image::imageops::flip_vertical_in_place(&mut picture);
        // A window has nothing behind it.
        picture.pixels_mut().for_each(|pixel| pixel.0[3] = 255);
        Ok(picture)
    }
}

impl Drop for GlRenderer {
    fn drop(&mut self) {
        self.painter.destroy();
    }
}
